"""The daemon's life, with real processes, sockets and signals."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from openclaw_instructor import __version__, lock
from openclaw_instructor.daemon import calls, client, http_connection, lifecycle, transport
from openclaw_instructor.daemon.endpoint import Endpoint, url_of
from openclaw_instructor.errors import DaemonUnavailable, InvalidSettings
from openclaw_instructor.server import process as serving_process
from openclaw_instructor.server.launch import Launch
from openclaw_instructor.settings import Settings
from tests.server.serving import PROGRAM, Local, ask, kill, make_home, wait_until


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc/self/stat").exists()


def ensure_in_a_process(home: Path, *before: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, *PROGRAM, "--home", str(home), "daemon", "ensure", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def test_fifty_concurrent_ensures_give_one_daemon(settings: Settings) -> None:
    # A few real processes and many threads: the locks must hold between both.
    processes = [ensure_in_a_process(settings.home) for _ in range(6)]
    with ThreadPoolExecutor(44) as pool:
        found = list(pool.map(lambda _: lifecycle.ensure(settings), range(44)))
    printed = [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    assert len({endpoint.pid for endpoint in found}) == 1
    assert {(answer["url"], answer["token"]) for answer in printed} == {(found[0].url, found[0].token)}
    assert settings.log_path.read_text().count("serving http://") == 1


@pytest.mark.parametrize("left", [None, "", "{bad", "[]"])
def test_an_announcement_that_is_lost_is_made_again(settings: Settings, left: str | None) -> None:
    endpoint = lifecycle.ensure(settings)
    if left is None:
        settings.daemon_path.unlink()
    else:
        settings.daemon_path.write_text(left)
    wait_until(lambda: lifecycle.running(settings) == endpoint)
    assert lifecycle.stop(settings)
    assert not settings.daemon_path.exists()


def test_it_survives_its_starter_and_signals_to_the_starter_s_group(settings: Settings) -> None:
    starter = ensure_in_a_process(settings.home, start_new_session=True)
    printed, _ = starter.communicate(timeout=300)
    assert set(json.loads(printed)) == {"url", "socket", "token", "agent_token", "pid", "crashed"}
    endpoint = lifecycle.running(settings)
    assert endpoint is not None
    assert os.getpgid(endpoint.pid) == endpoint.pid != starter.pid
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with pytest.raises(ProcessLookupError):
            os.killpg(starter.pid, number)
    assert lifecycle.running(settings) == endpoint
    files = [str(Path(f"/proc/{endpoint.pid}/fd/{number}").readlink()) for number in (0, 1, 2)]
    assert files == [os.devnull] * 3


def test_state_is_private(settings: Settings) -> None:
    settings.home.chmod(0o755)
    lifecycle.ensure(settings)
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    for path in (settings.daemon_path, settings.home / "token", settings.log_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_killed_daemon_s_announcement_is_not_believed(settings: Settings) -> None:
    first = lifecycle.ensure(settings)
    os.kill(first.pid, signal.SIGKILL)
    wait_until(lambda: lifecycle.announced(settings) is None)
    assert Endpoint.read(settings.daemon_path) == first
    assert lifecycle.status(settings)["running"] is False
    second = lifecycle.ensure(settings)
    assert second.pid != first.pid
    assert second.token == first.token
    assert lifecycle.ensure(settings) == second


def test_a_stranger_on_the_announced_port_never_gets_the_token(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.2)
        url = f"http://127.0.0.1:{stranger.getsockname()[1]}"
        Endpoint(url, "secret-token", os.getpid(), __version__).write(settings.daemon_path)
        assert lifecycle.ensure(settings).url != url
        with pytest.raises(TimeoutError):
            stranger.accept()


def test_another_version_is_replaced(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    old = lifecycle.ensure(settings)
    monkeypatch.setattr(lifecycle, "__version__", "999")
    # Replaced once; the successor is of this version again, which `ensure` then takes as started.
    fresh = lifecycle.ensure(settings)
    assert fresh.pid != old.pid
    assert not alive(old.pid)


def test_a_daemon_that_hangs_is_replaced(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "ANSWER_SECONDS", 0.5)
    hung = lifecycle.ensure(settings)
    os.kill(hung.pid, signal.SIGSTOP)
    fresh = lifecycle.ensure(settings)
    assert fresh.pid != hung.pid
    assert not alive(hung.pid)
    assert fresh.crashed is None, "it was ended, so that a call that only reads is made again"


def test_a_call_that_meets_a_daemon_that_hangs_is_answered_by_the_next_one(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(http_connection, "SLOW_SECONDS", 0.5)
    monkeypatch.setattr(calls, "LOOK_SECONDS", 0.5)
    hung = lifecycle.ensure(settings)
    with client.Client(settings, hung) as caller:
        assert caller.tools()
        os.kill(hung.pid, signal.SIGSTOP)
        assert caller.tools()
    assert not alive(hung.pid)


def test_sigterm_ends_it_and_removes_the_announcement(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    # A client that listens for news over MCP must not hold the shutdown up.
    listening = socket.create_connection(endpoint.address)
    request = f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {endpoint.token}\r\n"
    listening.sendall((request + "Accept: text/event-stream\r\n\r\n").encode())
    idle = socket.create_connection(endpoint.address)
    started = time.monotonic()
    assert lifecycle.stop(settings)
    assert time.monotonic() - started < lifecycle.STOP_SECONDS
    wait_until(lambda: not alive(endpoint.pid))
    assert not settings.daemon_path.exists()
    assert settings.log_path.read_text().rstrip().endswith("stopped")
    assert lifecycle.stop(settings) is False
    listening.close()
    idle.close()


def test_sigterm_lets_a_request_under_way_finish(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    ask(endpoint.url + "/v1/embeddings", {"input": "load the model"}, token=endpoint.token)
    # Known to the cache by now: what is asked for below takes no time of the model's.
    body = json.dumps({"input": "load the model"})
    head = [
        "POST /v1/embeddings HTTP/1.1",
        f"Host: {endpoint.url.removeprefix('http://')}",
        f"Authorization: Bearer {endpoint.token}",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
    ]
    with socket.create_connection(("127.0.0.1", int(endpoint.url.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        # The daemon asks for the body once it works on the request.
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100 ")
        os.kill(endpoint.pid, signal.SIGTERM)
        wait_until(lambda: "stopping" in settings.log_path.read_text())
        connection.sendall(body.encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 200 ")
    wait_until(lambda: not alive(endpoint.pid))


def metrics(endpoint: Endpoint) -> str:
    text: str = ask(endpoint.url + "/metrics", token=endpoint.token).body
    return text


def test_an_idle_daemon_ends_and_probes_do_not_keep_it(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home", exit_after=1.5)
    endpoint = lifecycle.ensure(settings)
    wait_until(lambda: transport.health(endpoint, 1.0) is None or not alive(endpoint.pid))
    wait_until(lambda: not alive(endpoint.pid))
    assert "stopping: idle" in settings.log_path.read_text()
    kill(settings)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = make_home(tmp_path / "home", port=port)
        with pytest.raises(InvalidSettings, match=rf"port {port} on 127.0.0.1 cannot be used .*set `port` in"):
            lifecycle.ensure(settings)
    assert lifecycle.ensure(settings).url == f"http://127.0.0.1:{port}"
    lifecycle.stop(settings)


def test_other_machines_need_a_token_of_the_user_s(tmp_path: Path) -> None:
    settings = make_home(tmp_path / "home", host="0.0.0.0")
    with pytest.raises(InvalidSettings, match="needs a token of your own"):
        lifecycle.ensure(settings)
    settings = make_home(tmp_path / "home", host="0.0.0.0", token="my-own-token")
    endpoint = lifecycle.ensure(settings)
    assert endpoint.token == "my-own-token"
    assert ask(endpoint.url + "/v1/tools", token="my-own-token", Host="a-name-in-the-network:80").status == 200
    lifecycle.stop(settings)


def test_a_home_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    settings = Settings(home=tmp_path / "file" / "home")
    with pytest.raises(InvalidSettings, match=r"cannot be written .*OPENCLAW_INSTRUCTOR_HOME"):
        lifecycle.ensure(settings)
    ended = ensure_in_a_process(settings.home)
    printed, told = ended.communicate(timeout=300)
    assert ended.returncode == 2
    assert told.startswith("error: ")
    assert str(settings.home) in told
    assert "Traceback" not in told
    assert json.loads(printed)["error"]["code"] == "invalid_settings"


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system mounted read-only, or one without write permission for users who obey them."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], stderr=subprocess.DEVNULL
    )
    if not mounted and os.geteuid() == 0:
        pytest.skip("root may write everywhere, and this place allows no mounts")
    folder.chmod(0o500) if not mounted else None
    yield folder
    if mounted:
        subprocess.check_call(["umount", str(folder)])
    else:
        folder.chmod(0o700)


def test_a_read_only_home_is_said(read_only: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"cannot be written \((Read-only file system|Permission denied)\)"):
        lifecycle.ensure(Settings(home=read_only / "home"))


def test_a_second_daemon_for_one_home_is_refused(settings: Settings) -> None:
    lifecycle.ensure(settings)
    ended = subprocess.run(
        [*PROGRAM, "--home", str(settings.home), "daemon", "run"], capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 1
    assert f"a daemon already runs for {settings.home}" in ended.stderr


def test_two_homes_have_daemons_of_their_own(tmp_path: Path) -> None:
    one, two = make_home(tmp_path / "one"), make_home(tmp_path / "two")
    first, second = lifecycle.ensure(one), lifecycle.ensure(two)
    assert first.url != second.url
    assert ask(first.url + "/v1/tools", token=second.token).status == 401
    lifecycle.stop(one)
    assert lifecycle.running(two) == second
    lifecycle.stop(two)


def test_an_edit_of_the_configuration_takes_effect_on_the_same_port(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    settings.config_path.write_text("batch_tokens: nonsense\n")
    wait_until(lambda: (transport.health(endpoint) or {}).get("configuration_problem"))
    assert "batch_tokens" in transport.health(endpoint)["configuration_problem"]  # type: ignore[index]
    settings.config_path.write_text("batch_tokens: 4096\ntoken: another-token\n")
    wait_until(lambda: (again := Endpoint.read(settings.daemon_path)) and again.token == "another-token")
    again = lifecycle.ensure(settings)
    assert (again.url, again.pid) == (endpoint.url, endpoint.pid)


def test_a_supervised_daemon_serves_in_the_foreground_and_ends_on_sigterm(settings: Settings) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "--home", str(settings.home), "daemon", "run", "--foreground", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    wait_until(lambda: lifecycle.running(settings))
    endpoint = lifecycle.ensure(settings)
    assert (endpoint.pid, endpoint.supervised) == (process.pid, True)
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=300)[1]
    assert process.returncode == 0
    assert "serving http://127.0.0.1" in told


def test_a_daemon_that_cannot_start_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DaemonUnavailable, match="ended before it served"):
        lifecycle.ensure(settings)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(DaemonUnavailable, match="/nowhere/python cannot be started"):
        lifecycle.ensure(settings)


def test_damaged_state_is_repaired(settings: Settings) -> None:
    settings.daemon_path.write_text("{half")
    (settings.home / "token").write_text("short")
    endpoint = lifecycle.ensure(settings)
    assert len(endpoint.token) >= 32
    assert ask(endpoint.url + "/v1/tools", token=endpoint.token).status == 200


def test_a_wall_clock_that_jumps_changes_nothing(tmp_path: Path) -> None:
    """The daemon runs with a clock that leaps a day ahead and back at every look."""
    settings = make_home(tmp_path / "home", exit_after=30, unload_after=30)
    code = (
        "import itertools, sys, time\n"
        "real, leaps = time.time, itertools.cycle((86_400, -86_400))\n"
        "time.time = lambda: real() + next(leaps)\n"
        "from openclaw_instructor.cli import main\n"
        f"main(['--home', {str(settings.home)!r}, 'daemon', 'run'])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    wait_until(lambda: lifecycle.running(settings))
    endpoint = lifecycle.ensure(settings)
    for _ in range(2):
        answer = ask(endpoint.url + "/v1/embeddings", {"input": "the same text"}, token=endpoint.token)
        assert answer.status == 200
    assert process.poll() is None
    assert "openclaw_instructor_cache_hits_total 1.0" in metrics(endpoint)
    threading.Thread(target=process.wait, daemon=True).start()
    assert lifecycle.stop(settings)


def edit(settings: Settings, line: str) -> None:
    with settings.config_path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def health(settings: Settings) -> dict[str, object]:
    found = lifecycle.status(settings).get("health")
    return found if isinstance(found, dict) else {}


def test_an_edit_with_which_nothing_could_listen_changes_nothing(settings: Settings) -> None:
    endpoint = lifecycle.ensure(settings)
    before = settings.config_path.read_text()

    def has_problem(said: str) -> bool:
        return said in str(health(settings).get("configuration_problem"))

    with socket.create_server(("127.0.0.1", 0)) as other:
        for line, said in (
            ("host: 0.0.0.0", "needs a token of your own"),
            (f"port: {other.getsockname()[1]}", "cannot be used"),
        ):
            settings.config_path.write_text(before)
            wait_until(lambda: not health(settings).get("configuration_problem") or alive(endpoint.pid))
            edit(settings, line)
            wait_until(partial(has_problem, said))
    assert lifecycle.running(settings) == endpoint, "it is the same process, on the same port"


def test_a_port_that_is_set_later_counts(settings: Settings) -> None:
    first = lifecycle.ensure(settings)
    edit(settings, "unload_after: 700")
    wait_until(lambda: settings.log_path.read_text().count("serving http://") == 2)
    assert lifecycle.ensure(settings).url == first.url
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    edit(settings, f"port: {port}")
    wait_until(lambda: settings.log_path.read_text().count("serving http://") == 3)
    assert lifecycle.ensure(Settings.load(settings.home)).url == f"http://127.0.0.1:{port}"


def test_a_restart_imports_nothing_from_the_current_folder(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "yaml.py").write_text("raise SystemExit('a stranger')\n")
    words = "import sys; sys.path = sys.path[1:]; from openclaw_instructor.cli import main; main()"
    arguments = ["--home", str(settings.home), "daemon", "run", "--foreground"]
    process = subprocess.Popen([sys.executable, "-c", words, *arguments], cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_until(lambda: lifecycle.running(settings))
    edit(settings, "unload_after: 700")
    wait_until(lambda: settings.log_path.read_text().count("serving http://") == 2)
    assert lifecycle.running(settings)
    process.terminate()
    process.wait(60)


def test_what_a_crashed_daemon_announced_is_gone_once_another_has_the_lock(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Endpoint("http://127.0.0.1:9", "t" * 32, os.getpid(), __version__).write(settings.daemon_path)
    found: list[bool] = []

    def daemon(*arguments: object, **options: object) -> None:
        found.append(settings.daemon_path.exists())
        raise DaemonUnavailable("far enough")

    monkeypatch.setattr(serving_process, "Daemon", daemon)
    with pytest.raises(DaemonUnavailable, match="far enough"):
        serving_process.run(Launch(lambda: settings, lambda settings, port: []))
    assert found == [False]


def test_looking_at_a_lock_does_not_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_SH)  # as somebody else who looks
        assert not lock.held(path)
        fcntl.flock(other, fcntl.LOCK_EX)
        assert lock.held(path)


def test_a_daemon_that_cannot_announce_itself_ends(settings: Settings) -> None:
    lifecycle.ensure(settings)
    lifecycle.stop(settings)
    ended = ensure_in_a_process(settings.home, "sh", "-c", 'ulimit -S -f 0 && exec "$@"', "sh")
    _, told = ended.communicate(timeout=300)
    assert ended.returncode
    assert "daemon.json cannot be written" in told
    wait_until(lambda: not lock.held(lifecycle.life_lock(settings)))
    assert lifecycle.ensure(settings)


def test_probes_do_not_wait_for_tool_calls(serve: Callable[..., Local]) -> None:
    local = serve()
    local.model.gate.clear()
    body = {"query": "x", "candidates": ["y"]}
    with ThreadPoolExecutor(70) as pool:
        calls = [pool.submit(local.ask, "/v1/tools/semantic_match", body) for _ in range(66)]
        # Every thread for such calls waits for the model.
        wait_until(lambda: local.toolbox.engine.stats()["requests"] >= 16)
        assert ask(local.url + "/health", timeout=5).status == 200
        local.model.gate.set()
        assert {call.result(60).status for call in calls} == {200}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8737"),
        ("0.0.0.0", "http://127.0.0.1:8737"),
        ("::1", "http://[::1]:8737"),
        ("::", "http://[::1]:8737"),
        ("host.lan", "http://host.lan:8737"),
    ],
)
def test_what_listens_is_reached_from_this_machine(host: str, url: str) -> None:
    assert url_of(host, 8737) == url


@pytest.mark.parametrize("stops", ["at once", "when it ends", "while it starts anew"])
def test_a_stop_after_an_edit_of_the_configuration_stops(settings: Settings, stops: str) -> None:
    endpoint = lifecycle.ensure(settings)
    edit(settings, "unload_after: 700")
    if stops != "at once":
        wait_until(lambda: "the configuration changed" in settings.log_path.read_text())
    if stops == "while it starts anew":
        wait_until(lambda: lifecycle.announced(settings) is None)
    assert lifecycle.stop(settings)
    assert not lock.held(lifecycle.life_lock(settings))
    wait_until(lambda: not alive(endpoint.pid))
