"""Run the daemon: take its lock, listen, announce itself, follow edits, and end in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn, cast

import uvloop

from openclaw_instructor import __version__
from openclaw_instructor.credentials import is_loopback
from openclaw_instructor.daemon.endpoint import Endpoint, bearer_token, open_home, socket_path, url_of
from openclaw_instructor.daemon.lifecycle import life_lock
from openclaw_instructor.daemon.wire_errors import body_of, unexpected
from openclaw_instructor.engine import CancelScope
from openclaw_instructor.errors import Busy, DaemonUnavailable, InstructorError, InvalidSettings
from openclaw_instructor.index.names import collection_names
from openclaw_instructor.index.watch import Watcher
from openclaw_instructor.lock import exclusive, held
from openclaw_instructor.model.malloc import limit_arenas
from openclaw_instructor.server import logs
from openclaw_instructor.server.app import App
from openclaw_instructor.server.bind import listen, listen_privately
from openclaw_instructor.server.configuration_file import ConfigurationFile
from openclaw_instructor.server.health import DaemonHealth
from openclaw_instructor.server.http_server import GRACE_SECONDS, HttpServer
from openclaw_instructor.server.launch import Ending, Launch, tell
from openclaw_instructor.server.long_lived import LongLived
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings

if TYPE_CHECKING:
    from openclaw_instructor.index import SyncReport
    from openclaw_instructor.index.watch import Mode

logger = logging.getLogger(__name__)

WATCH_SECONDS = 1.0
# Seconds after which a thread that waits for Python's lock gets it; by default a search waits five times as long for
# each of the other threads.
SWITCH_SECONDS = 0.001
END_SECONDS = 20.0  # after which a shutdown is forced


def run(launch: Launch) -> None:
    """Serve until told to stop or idle for too long.

    Raises InvalidSettings, DaemonUnavailable.
    """
    os.umask(0o077)
    limit_arenas()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        settings = launch.load()
        open_home(settings)
        lock = exclusive(life_lock(settings), 2.0, "serving this home", inherited=launch.lock_fd)
        with _said_by_home(settings), lock as lock_fd:
            ending = _serve(settings, launch)
            if ending.restart:
                # Keep the lock, so that no other daemon starts meanwhile.
                _start_anew(launch.again(settings, ending.port), lock_fd)
    except InstructorError as known:
        error = known
    except OSError as unknown:
        logger.exception("the daemon could not start")
        error = unexpected(unknown)
    else:
        return
    tell(launch.ready_fd, body_of(error))
    raise error


def _serve(settings: Settings, launch: Launch) -> Ending:
    with listen(settings) as listener:
        # A daemon that is stopped removes its announcement; one that is left is of a crashed daemon, and its process id
        # and port may belong to another program by now.
        crashed = Endpoint.read(settings.daemon_path)
        settings.daemon_path.unlink(missing_ok=True)
        daemon = Daemon(settings, listener, launch, crashed=crashed.pid if crashed else None)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(daemon.serve())


@contextlib.contextmanager
def _said_by_home(settings: Settings) -> Iterator[None]:
    try:
        yield
    except Busy:
        raise DaemonUnavailable(
            f"a daemon already runs for {settings.home}; `openclaw-instructor daemon stop` ends it"
        ) from None


def _start_anew(command: Sequence[str], lock_fd: int) -> NoReturn:
    os.set_inheritable(lock_fd, True)
    os.execv(command[0], [*command, f"--lock-fd={lock_fd}"])  # noqa: S606


class Daemon:
    """One run of the server."""

    def __init__(self, settings: Settings, listener: socket.socket, launch: Launch, *, crashed: int | None) -> None:
        self._settings = settings
        self._private = listen_privately(settings)
        self._launch = launch
        self._crashed = crashed
        self._listener = listener
        self._host, self._port = listener.getsockname()[:2]
        self._log = logs.start(settings.log_path, to_terminal=launch.foreground)
        self._toolbox = Toolbox(settings=settings)
        self._health = DaemonHealth(self._toolbox, self._log)
        self._token = bearer_token(settings)
        self._app = App(
            self._toolbox,
            self._token,
            self._health.report,
            loopback=is_loopback(settings.host),
            base_url=lambda: url_of(self._host, self._port),
            lost_log_lines=lambda: self._log.lost,
        )
        self._server = HttpServer(self._app, self._private)
        self._configuration = ConfigurationFile(settings, self._port)
        self._seen = self._digest()
        self._following = CancelScope()
        self._watcher = Watcher(
            lambda: self._toolbox.index, self._sync_changed, settings.index_path, cast("Mode", settings.watch)
        )
        self._long_lived = LongLived()
        self._registry_problem: str | None = None
        self._restart = False
        self._failure: InstructorError | None = None
        self._announced: Endpoint | None = None

    async def serve(self) -> Ending:
        """Answer requests until stopped; return why."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number.name)
        watching = asyncio.create_task(self._watch())
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            self._force_end()
            watching.cancel()
            self._following.cancel()
            await asyncio.to_thread(self._watcher.stop)
            self._app.in_flight.drop(everything=True)
            await self._app.mcp.close()
            await self._settle()
            self._retract()
            await asyncio.to_thread(self._toolbox.close)
        if self._failure is not None:
            raise self._failure
        logger.info("stopped")
        return Ending(self._port, self._restart)

    async def _watch(self) -> None:
        """Announce once the server answers; then follow the files, and end when idle."""
        while not self._server.started:
            await asyncio.sleep(0.01)
        try:
            self._announce()
        except InstructorError as error:
            # Without an announcement nobody could find or stop this process.
            self._failure = error
            self._server.should_exit = True
            return
        # The tasks may have been edited while no daemon watched.
        threading.Thread(target=self._tell_of_tasks, daemon=True).start()
        self._watcher.start()
        while not self._server.should_exit:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self._look()
            except Exception:
                logger.exception("watching the files failed")

    async def _look(self) -> None:
        registry = self._toolbox.registry
        await asyncio.to_thread(registry.refresh)
        if registry.problem != self._registry_problem:
            self._registry_problem = registry.problem
            logger.warning("registry: %s", registry.problem or "the problem is gone")
        digest = await asyncio.to_thread(self._digest)
        if digest != self._seen:
            self._seen = digest
            logger.info("the tools changed: %d tasks", len(registry.tasks))
            await self._app.mcp.tools_changed()
            threading.Thread(target=self._tell_of_tasks, daemon=True).start()
        self._long_lived.follow(self._toolbox.engine.loaded)
        self._announce_again()
        await self._follow_configuration()
        limit = self._settings.exit_after
        if limit and self._app.in_flight.idle_seconds() > limit and not self._watcher.syncing:
            self._end("idle")

    def _digest(self) -> tuple[str, ...]:
        """Sum up what tools look like: the tasks, and the collections that they name."""
        return (self._toolbox.registry.digest, *collection_names(self._settings))

    def _sync_changed(self, name: str, paths: Sequence[str] | None) -> SyncReport | None:
        """Take in changed files; embedding a whole collection anew is for its owner to begin."""
        toolbox = self._toolbox
        if not toolbox.index.only_files_changed(name, toolbox.document_instruction):
            return None
        with self._following.entered():
            return toolbox.index_sync(name, only=paths)

    def _tell_of_tasks(self) -> None:
        if (outcome := self._launch.on_tasks_changed(self._settings)) is not None:
            logger.info("%s", outcome)

    async def _follow_configuration(self) -> None:
        """Apply a valid edit of the configuration by restarting on the same port."""
        try:
            # In a thread, because reading the file and looking up the host may take a while.
            if not await asyncio.to_thread(self._configuration.changed):
                return
        except InvalidSettings as error:
            self._health.configuration_problem = error.message
            # The message quotes the value, which may be the token.
            logger.warning("the edited configuration is not valid and not used; `daemon status` says why")
            return
        self._restart = True
        self._stop("the configuration changed")

    def _end(self, reason: str) -> None:
        """Stop without a restart, even if one was about to happen."""
        self._restart = False
        self._stop(reason)

    def _stop(self, reason: str) -> None:
        logger.info("stopping: %s", reason)
        self._server.force_exit = self._server.should_exit
        self._server.should_exit = True
        self._app.in_flight.drop(everything=False)
        self._stopping = asyncio.ensure_future(self._app.mcp.close())

    async def _settle(self) -> None:
        deadline = time.monotonic() + GRACE_SECONDS
        while self._app.in_flight.busy and time.monotonic() < deadline:
            await asyncio.sleep(0.02)

    def _announce(self) -> None:
        url = url_of(self._host, self._port)
        endpoint = Endpoint(
            url,
            self._token,
            os.getpid(),
            __version__,
            supervised=self._launch.foreground,
            crashed=self._crashed,
            socket=str(socket_path(self._settings)) if self._private else None,
        )
        endpoint.write(self._settings.daemon_path)
        self._announced = endpoint
        logger.info("serving %s, version %s, process %d", url, __version__, os.getpid())
        tell(self._launch.ready_fd, {"ready": True})

    def _announce_again(self) -> None:
        """Write the announcement once more where it was lost: without it nobody could find or stop this process."""
        settings = self._settings
        if self._announced is None or Endpoint.read(settings.daemon_path) or not held(life_lock(settings)):
            return
        with contextlib.suppress(InstructorError):
            self._announced.write(settings.daemon_path)
            logger.warning("daemon.json was lost or damaged; it was written again")

    def _retract(self) -> None:
        announced = Endpoint.read(self._settings.daemon_path)
        if announced is not None and announced.pid == os.getpid():
            with contextlib.suppress(OSError):
                self._settings.daemon_path.unlink()

    def _force_end(self) -> None:
        timer = threading.Timer(END_SECONDS, os._exit, (1,))
        timer.daemon = True
        timer.start()


def leave() -> NoReturn:
    """End the process at once: everything is closed, and tearing torch down piece by piece takes seconds."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
