"""A real OpenClaw in a folder of its own: command line, Gateway and agent turns."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from openclaw_instructor.untrusted import NOTICE
from tests.openclaw.llm_stub import LanguageModel

TOKEN = "gateway-token-of-the-tests"


@dataclass
class Turn:
    """One finished agent turn: the tools the model was offered, the tool results it read, its answer."""

    offered: dict[str, dict[str, Any]]
    results: list[str]
    answer: str
    between_requests: float
    """Seconds from the model's tool calls to the request that carries their results."""


@dataclass
class OpenClaw:
    root: Path
    binaries: Path
    model: LanguageModel
    agents: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    """Further top-level keys of the configuration file."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """Further defaults of agents."""

    def __post_init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.state, self.home, self.workspace = (self.root / name for name in ("state", "home", "workspace"))
        for folder in (self.state, self.home, self.workspace):
            folder.mkdir(parents=True)
        self.config = self.state / "openclaw.json"
        self.log = self.root / "gateway.log"
        self.gateway: subprocess.Popen[bytes] | None = None
        self._turns = itertools.count()
        self.config.write_text(json.dumps(self._configuration() | self.settings))

    def _configuration(self) -> dict[str, Any]:
        scripted = {"id": "scripted", "name": "Scripted", "input": ["text"], "contextWindow": 128000, "maxTokens": 4096}
        provider = {"baseUrl": self.model.url, "apiKey": "x", "api": "openai-completions", "models": [scripted]}
        defaults: dict[str, Any] = {
            "model": {"primary": "stub/scripted"},
            "skipBootstrap": True,
            "workspace": str(self.workspace),
            **self.defaults,
        }
        agents: dict[str, Any] = {"defaults": defaults}
        if self.agents:
            defaults["systemAgent"] = {"agentId": next(iter(self.agents))}
            agents |= {"ownership": "explicit", "entries": self.agents}
        return {
            "models": {"mode": "replace", "providers": {"stub": provider}},
            "agents": agents,
            "gateway": {
                "mode": "local",
                "bind": "loopback",
                "port": self.port,
                "auth": {"mode": "token", "token": TOKEN},
                "http": {"endpoints": {"chatCompletions": {"enabled": True}}},
            },
        }

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.binaries}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "OPENCLAW_STATE_DIR": str(self.state),
            "OPENCLAW_CONFIG_PATH": str(self.config),
            "OPENCLAW_SKIP_CHANNELS": "1",
            "OPENCLAW_SKIP_CRON": "1",
            "NO_COLOR": "1",
            "TERM": "dumb",
        }

    def run(self, *arguments: str, check: bool = True, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run `openclaw ...`."""
        done = subprocess.run(
            ["openclaw", *arguments],
            env=self.environment,
            executable=str(self.binaries / "openclaw"),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert not check or done.returncode == 0, f"openclaw {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done

    def start(self) -> None:
        """Start the Gateway and wait until it answers."""
        with self.log.open("ab") as log:
            self.gateway = subprocess.Popen(
                [str(self.binaries / "openclaw"), "gateway", "run"],
                env=self.environment,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            if self.gateway.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/v1/models", headers=self.headers, timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        self.stop()
        raise AssertionError("the Gateway did not start:\n" + self.log.read_text()[-3000:])

    def stop(self) -> None:
        if self.gateway is None:
            return
        self.gateway.send_signal(signal.SIGTERM)
        try:
            self.gateway.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.gateway.pid, signal.SIGKILL)
            self.gateway.wait(10)
        self.gateway = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {TOKEN}"}

    def turn(
        self,
        *rounds: list[tuple[str, dict[str, Any]]],
        agent: str = "main",
        session: str = "tests",
        hold: bool = False,
    ) -> Turn:
        """One agent turn through the Gateway in which the model makes these rounds of tool calls."""
        name = f"t{next(self._turns)}"
        script = f"SCRIPT {name} " + json.dumps({"rounds": rounds, "hold": hold})
        # A Gateway that begins anew after a change of its plugins refuses connections for a moment.
        with httpx.Client(transport=httpx.HTTPTransport(retries=7), timeout=240) as client:
            reply = client.post(
                f"{self.url}/v1/chat/completions",
                headers={**self.headers, "x-openclaw-session-key": f"agent:{agent}:{session}"},
                json={"model": f"openclaw/{agent}", "messages": [{"role": "user", "content": script}]},
            )
        assert reply.status_code == 200, reply.text
        answer = reply.json()["choices"][0]["message"]["content"]
        bodies, times = self.model.requests[name], self.model.seen_at[name]
        assert bodies, f"the model was never asked; the Gateway answered {answer}\n{self.log.read_text()[-3000:]}"
        offered = {tool["function"]["name"]: tool["function"] for tool in bodies[0].get("tools", [])}
        head = f"ANSWER {name} "
        results = json.loads(answer[answer.index(head) + len(head) :]) if head in answer else []
        return Turn(offered, results, answer, times[1] - times[0] if len(times) > 1 else 0.0)


def invoked(host: OpenClaw, tool: str, arguments: dict[str, Any], agent: str = "main") -> Any:
    """The JSON that a tool answers when the Gateway's owner calls it, without a model."""
    body = {"tool": tool, "args": arguments, "sessionKey": f"agent:{agent}:invoked"}
    reply = httpx.post(f"{host.url}/tools/invoke", headers=host.headers, json=body, timeout=120)
    assert reply.status_code == 200, reply.text
    return json.loads(reply.json()["result"]["content"][0]["text"])


def unfenced(result: str) -> dict[str, Any]:
    """The JSON inside the fence that marks other people's words."""
    mark = r'EXTERNAL_UNTRUSTED_CONTENT id="(\w+)">>>'
    fence = re.fullmatch(rf"{re.escape(NOTICE)}\s*<<<{mark}\n.*?---\n(.*)\n<<<END_{mark}\s*", result, re.DOTALL)
    assert fence, result
    assert fence[1] == fence[3]
    value: dict[str, Any] = json.loads(fence[2])
    return value
