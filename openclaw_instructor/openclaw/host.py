"""Find the user's OpenClaw and run its command line.

What was found at the time of `install` is kept in `openclaw.json` in home, because the daemon that syncs later may run
with another PATH and without the variables that select an OpenClaw profile.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openclaw_instructor.errors import OpenClawFailed, OpenClawMissing
from openclaw_instructor.paths import write_whole
from openclaw_instructor.settings import Settings

_SELECTS_PROFILE = ("OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_PROFILE")
_INSTALL_HINT = "install Node 24.16 or newer, then: npm install -g openclaw"


class GatewayUnavailable(Exception):
    """No Gateway could be asked. `why` is "down", "no token" (none is configured) or "refused" (it has another)."""

    def __init__(self, why: Literal["down", "no token", "refused"], message: str) -> None:
        self.why = why
        super().__init__(message.splitlines()[0] if message else why)


class GatewayError(OpenClawFailed):
    """The Gateway refused a call; `reason` is its error code and `details` what it adds."""

    def __init__(self, method: str, error: Mapping[str, Any]) -> None:
        self.reason = str(error.get("code", ""))
        self.details: Mapping[str, Any] = error.get("details") or {}
        super().__init__(f"the OpenClaw Gateway refused {method}: {error.get('message', error)}")


@dataclass(frozen=True)
class Host:
    """One OpenClaw: its program and the environment that its commands run in."""

    program: str
    environment: Mapping[str, str]

    @classmethod
    def find(cls, settings: Settings, program: str | None = None) -> Host:
        """Find the given program, else the one on PATH, else the one remembered in home. Raises OpenClawMissing."""
        remembered = _remembered(settings)
        search = os.pathsep.join([os.environ.get("PATH", os.defpath), *remembered.get("path", [])])
        found = shutil.which(program or "openclaw", path=search)
        if found is None:
            wanted = f"`{program}`" if program else "`openclaw` on PATH"
            raise OpenClawMissing(f"cannot find {wanted}; {_INSTALL_HINT}, or pass --openclaw PATH")
        # Node is in the same folder as a program given by its path (npm's `.bin`).
        ahead = [str(Path(found).absolute().parent)] if program else []
        environment = remembered.get("environment", {}) | os.environ | {"PATH": os.pathsep.join([*ahead, search])}
        # OpenClaw starts Node twice, the second time without its warnings, unless these are switched off already.
        options = f"{environment.get('NODE_OPTIONS', '')} --no-warnings".strip()
        return cls(str(Path(found).absolute()), environment | {"NO_COLOR": "1", "NODE_OPTIONS": options})

    @property
    def release(self) -> tuple[int, ...]:
        """The release by its npm package, (2026, 9, 6); () where the program is something else."""
        try:
            package = json.loads((Path(self.program).resolve().parent / "package.json").read_text(encoding="utf-8"))
            return tuple(int(part) for part in str(package["version"]).split("-")[0].split("."))
        except (OSError, ValueError, KeyError):
            return ()

    def remember(self, settings: Settings, **more: object) -> None:
        """Store the program that `find` found, and `more` facts about this installation, in home."""
        node = shutil.which("node", path=self.environment["PATH"])
        path = [str(Path(place).parent) for place in (self.program, node) if place]
        environment = {name: self.environment[name] for name in _SELECTS_PROFILE if self.environment.get(name)}
        known = (
            _remembered(settings)
            | {"path": list(dict.fromkeys(path)), "environment": environment, "release": self.release}
            | more
        )
        write_whole(record_path(settings), json.dumps(known, indent=2) + "\n")

    def typed(self, *arguments: str) -> str:
        """Return a command as its owner can type it: `openclaw` where their shell finds this one by that name."""
        here = shutil.which("openclaw")
        program = "openclaw" if here and Path(here).absolute() == Path(self.program) else self.program
        chosen = [f"{name}={self.environment[name]}" for name in _SELECTS_PROFILE if self._chosen_elsewhere(name)]
        return shlex.join([*(["env", *chosen] if chosen else []), program, *arguments])

    def _chosen_elsewhere(self, name: str) -> bool:
        return bool(self.environment.get(name)) and self.environment[name] != os.environ.get(name)

    def section(self, path: str) -> Any:
        """Return a part of the configuration, {} where it is unset. Raises OpenClawFailed for one that is invalid."""
        done = self._run("config", "get", path, "--json", timeout=60)
        if issues := _json_object(done.stdout).get("issues"):
            said = f"{_message(done.stdout)}: {issues[0].get('message', issues[0])}"
            raise OpenClawFailed(f"{said[-800:]}; run: {self.typed('doctor')}")
        try:
            return {} if done.returncode else json.loads(done.stdout)
        except ValueError:
            return {}

    def run(self, *arguments: str, timeout: float = 120) -> str:
        """Run `openclaw ...` and return its standard output. Raises OpenClawFailed with what it said."""
        done = self._run(*arguments, timeout=timeout)
        if done.returncode:
            said = _message(done.stdout) or done.stderr.strip() or done.stdout.strip()
            raise OpenClawFailed(f"`openclaw {' '.join(arguments[:2])}` failed: {said[-800:]}")
        return done.stdout

    def found_plugin(self, plugin: str) -> dict[str, Any] | None:
        """Return what OpenClaw's command line, without a Gateway, knows of a plugin; None if it is not installed.

        One that OpenClaw refuses to load has the status "error", and `error` says why. Raises OpenClawFailed where
        OpenClaw cannot tell, such as with a configuration that it cannot read.
        """
        # `plugins inspect` tells the same and takes six times the time.
        done = self._run("plugins", "list", "--json", timeout=120)
        listed = _json_object(done.stdout)
        if "plugins" not in listed:
            said = _message(done.stdout) or (done.stderr or done.stdout).strip() or "it printed nothing"
            raise OpenClawFailed(f"`openclaw plugins list` failed: {said[-800:]}; run: {self.typed('doctor')}")
        for found in listed["plugins"] or []:
            if found.get("id") == plugin:
                return dict(found)
        problems = [
            str(each.get("message"))
            for each in listed.get("diagnostics") or []
            if each.get("pluginId") == plugin and each.get("level") == "error"
        ]
        return {"status": "error", "error": problems[0], "enabled": True} if problems else None

    def call(self, method: str, parameters: Mapping[str, Any], timeout: float = 90) -> dict[str, Any]:
        """Call a Gateway method and return its answer. Raises GatewayUnavailable, GatewayError, OpenClawFailed."""
        done = self._run(
            *("gateway", "call", method, "--params", json.dumps(parameters)),
            *("--json", "--timeout", str(int(timeout * 1000))),
            timeout=timeout + 30,
        )
        answer = _json_object(done.stdout)
        error = answer.get("error")
        if isinstance(error, dict):
            if why := _unavailable(error):
                raise GatewayUnavailable(why, str(error.get("message", "")))
            raise GatewayError(method, error)
        if done.returncode or not answer:
            said = (done.stderr or done.stdout).strip()[-400:] or "it printed nothing"
            raise OpenClawFailed(f"`openclaw gateway call {method}` failed: {said}")
        return answer

    def _run(self, *arguments: str, timeout: float) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.program, *arguments],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OpenClawFailed(f"`openclaw {' '.join(arguments[:3])}` took longer than {timeout:.0f} s") from None
        except OSError as error:
            raise OpenClawMissing(f"cannot run {self.program} ({error.strerror}); {_INSTALL_HINT}") from None


def record_path(settings: Settings) -> Path:
    """Return the path of the file in home that keeps what is known of OpenClaw."""
    return settings.home / "openclaw.json"


def remembered(settings: Settings, name: str) -> Any:
    """Read a fact kept by `Host.remember`; None when there is none."""
    return _remembered(settings).get(name)


def _remembered(settings: Settings) -> dict[str, Any]:
    try:
        known = json.loads(record_path(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _unavailable(error: Mapping[str, Any]) -> Literal["down", "no token", "refused"] | None:
    if error.get("type") == "gateway_transport_error":
        return "down"
    if error.get("type") == "gateway_credentials_required":
        return "no token"
    code = str((error.get("details") or {}).get("code", ""))
    return "refused" if code.startswith(("AUTH_", "PAIRING_")) else None


def _json_object(text: str) -> dict[str, Any]:
    # Plugins may print warnings before the answer.
    start = text.find("{")
    try:
        value = json.JSONDecoder().raw_decode(text[start:])[0] if start >= 0 else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _message(output: str) -> str:
    error = _json_object(output).get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""
