"""Start, inspect and stop the daemon from another process.

The daemon holds a lock for as long as it lives, so a stale `daemon.json` is never mistaken for a daemon, and no
stranger's process is ever signalled. A second lock lets one caller at a time start it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias

from openclaw_instructor import __version__
from openclaw_instructor.daemon.endpoint import Endpoint, open_home
from openclaw_instructor.daemon.transport import health
from openclaw_instructor.daemon.wire_errors import error_from
from openclaw_instructor.errors import Busy, DaemonUnavailable, InvalidSettings
from openclaw_instructor.lock import exclusive, held
from openclaw_instructor.settings import Settings

START_SECONDS = 60.0
STOP_SECONDS = 15.0
# A daemon that is asked how it is answers in milliseconds; it is asked twice before it is taken for hung, and then
# gets only a moment to end by itself.
ANSWER_SECONDS = 2.5
HUNG_SECONDS = 1.0
_SUPERVISOR_SECONDS = 5.0
_POLL = 0.05


def command_line(settings: Settings) -> list[str]:
    """Return the command line of the running installation, with this home."""
    # -P: import nothing from the current folder.
    return [sys.executable, "-P", "-m", "openclaw_instructor", "--home", str(settings.home)]


def life_lock(settings: Settings) -> Path:
    """Return the path of the lock that the daemon holds while it lives."""
    return settings.home / "daemon.lock"


def ensure(settings: Settings, *, failed: Endpoint | None = None) -> Endpoint:
    """Return the daemon of this home, started when none answers and replaced when it is of another version.

    `failed` is an endpoint that did not answer a request just now; it is checked again before it is used.
    Raises DaemonUnavailable, or InvalidSettings when the home or the port cannot be used.
    """
    if failed is None and (current := running(settings)):
        return current
    open_home(settings)
    try:
        with exclusive(settings.home / "start.lock", START_SECONDS, "starting the daemon"):
            # The previous holder of the lock has probably started it.
            return running(settings) or _replace(settings)
    except Busy as error:
        raise DaemonUnavailable(f"{error.message} Its log is {settings.log_path}") from None


def running(settings: Settings) -> Endpoint | None:
    """Return the daemon of this home and of this version, if it answers now."""
    endpoint = announced(settings)
    if endpoint is None or endpoint.version != __version__:
        return None
    return endpoint if health(endpoint, ANSWER_SECONDS) else None


def announced(settings: Settings) -> Endpoint | None:
    """Return the daemon that is alive, whether or not it answers and whatever its version."""
    endpoint = Endpoint.read(settings.daemon_path)
    # Read again: a new daemon removes the announcement of a crashed one once it has the lock.
    known = endpoint and held(life_lock(settings)) and Endpoint.read(settings.daemon_path) == endpoint
    return endpoint if known else None


Fate: TypeAlias = Literal["alive", "ended", "crashed"]


def fate_of(settings: Settings, endpoint: Endpoint) -> Fate:
    """Tell what became of a daemon whose connection broke: it still runs, it was stopped, or it crashed."""
    deadline = time.monotonic() + STOP_SECONDS
    while (now := announced(settings)) is not None and now.pid == endpoint.pid:
        # The connections of a killed process close a moment before its lock is released.
        if health(endpoint) or time.monotonic() > deadline:
            return "alive"
        time.sleep(_POLL)
    # A daemon that is stopped removes its announcement; the next daemon records one that it had to remove.
    left = now or Endpoint.read(settings.daemon_path)
    died = left is not None and endpoint.pid in (left.pid, left.crashed)
    return "crashed" if died else "ended"


def status(settings: Settings) -> dict[str, Any]:
    """Return `running`, and what /health says if it is."""
    endpoint = announced(settings)
    found = health(endpoint) if endpoint else None
    if endpoint is None:
        return {"running": False, "home": str(settings.home), "log": str(settings.log_path)}
    return {
        "running": True,
        "answers": found is not None,
        "url": endpoint.url,
        "pid": endpoint.pid,
        "version": endpoint.version,
        "home": str(settings.home),
        "log": str(settings.log_path),
        "health": found,
    }


def stop(settings: Settings, grace: float = STOP_SECONDS) -> bool:
    """End the daemon: SIGTERM, and SIGKILL when it does not follow within `grace` seconds. False if there was none."""
    lock = life_lock(settings)
    endpoint = announced(settings) or _starting(settings)
    if endpoint is None:
        return False

    def ended() -> bool:
        # The lock proves that the announced process still lives, so its id was not given to another. A daemon that ends
        # takes its announcement away before it gives the lock back; one that starts anew keeps lock and process.
        now = Endpoint.read(settings.daemon_path)
        return not held(lock) or (now is not None and now.pid != endpoint.pid)

    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, STOP_SECONDS)):
        if ended():
            return True
        _signal(endpoint.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ended():
                # It was stopped, so what it left must not look like a crash.
                if number is signal.SIGKILL and Endpoint.read(settings.daemon_path) == endpoint:
                    settings.daemon_path.unlink(missing_ok=True)
                return True
            time.sleep(_POLL)
    raise DaemonUnavailable(f"process {endpoint.pid} does not end; kill it yourself")


def _starting(settings: Settings) -> Endpoint | None:
    """Wait for a daemon that holds the lock and has not announced itself yet."""
    deadline = time.monotonic() + START_SECONDS
    while held(life_lock(settings)) and time.monotonic() < deadline:
        if endpoint := announced(settings):
            return endpoint
        time.sleep(_POLL)
    return None


def _replace(settings: Settings) -> Endpoint:
    previous = announced(settings)
    if previous is not None:
        # One of this version was just asked in vain.
        answers = previous.version != __version__ and health(previous, ANSWER_SECONDS) is not None
        stop(settings, STOP_SECONDS if answers else HUNG_SECONDS)
        if previous.supervised and (successor := _await(settings, _SUPERVISOR_SECONDS)):
            return successor
    elif held(life_lock(settings)) and (started := _await(settings, START_SECONDS)):
        # It was started by hand a moment ago and has not announced itself yet.
        return started
    return _start(settings)


def _start(settings: Settings) -> Endpoint:
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [*command_line(settings), "daemon", "run", "--ready-fd", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # In a session of its own, so that it survives its caller and signals to the caller's group.
            start_new_session=True,
            pass_fds=(writing,),
            cwd=settings.home,
        )
    except OSError as error:
        os.close(reading)
        raise DaemonUnavailable(f"{sys.executable} cannot be started ({error.strerror})") from None
    finally:
        os.close(writing)
    # Collect the exit status, in case the caller lives longer.
    threading.Thread(target=process.wait, daemon=True).start()
    with os.fdopen(reading, encoding="utf-8") as pipe:
        return _first_words(settings, pipe.fileno())


def _first_words(settings: Settings, descriptor: int) -> Endpoint:
    """Wait until the daemon reports that it is ready, or why it cannot start."""
    import select

    deadline = time.monotonic() + START_SECONDS
    said = b""
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        part = os.read(descriptor, 65_536) if ready else b""
        if not part:
            _fail(settings, ready)
        said += part
    words = json.loads(said)
    if "error" in words:
        raise error_from(words["error"])
    endpoint = Endpoint.read(settings.daemon_path)
    if endpoint is None:
        _fail(settings, [descriptor])
    return endpoint


def _fail(settings: Settings, ended: list[int]) -> NoReturn:
    how = "ended before it served" if ended else f"did not serve within {START_SECONDS:g} s"
    raise DaemonUnavailable(f"the daemon {how}; see {settings.log_path}, or run `openclaw-instructor daemon run`")


def _await(settings: Settings, seconds: float) -> Endpoint | None:
    """Wait for a daemon that another process starts; give up when nobody has held the lock for a while."""
    lock_seen = began = time.monotonic()
    while time.monotonic() < began + seconds and time.monotonic() < lock_seen + _SUPERVISOR_SECONDS:
        if endpoint := running(settings):
            return endpoint
        if held(life_lock(settings)):
            lock_seen = time.monotonic()
        time.sleep(_POLL)
    return None


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        raise InvalidSettings(f"the daemon (process {pid}) belongs to another user; use a home of your own") from None
