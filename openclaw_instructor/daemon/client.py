"""The daemon as seen from another process: the methods of a Toolbox over loopback HTTP."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.endpoint import Endpoint
from openclaw_instructor.daemon.wire_errors import error_from
from openclaw_instructor.errors import DaemonUnavailable, InvalidArguments
from openclaw_instructor.paths import expanded
from openclaw_instructor.settings import Settings

CALL_SECONDS = 150.0  # more than the daemon takes before it gives up itself
_GONE = (OSError, http.client.HTTPException)


class Cancelled(Exception):
    """The caller gave up waiting."""


class Cancellation:
    """Lets one thread end a call that another thread waits for; the daemon then drops its work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self.cancelled = False

    def cancel(self) -> None:
        with self._lock:
            self.cancelled = True
            if self._connection is not None and self._connection.sock is not None:
                with suppress(OSError):
                    self._connection.sock.shutdown(socket.SHUT_RDWR)

    def attach(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if self.cancelled:
                raise Cancelled
            self._connection = connection


class Client:
    """Calls the daemon of a home, starting it on first use. Thread-safe: every call has its own connection.

    A call whose connection breaks is made once more, on a daemon that is known to answer: all calls may be repeated.
    Methods return the JSON objects of the HTTP routes and raise the same errors as a Toolbox, or DaemonUnavailable.
    """

    def __init__(
        self, settings: Settings, endpoint: Endpoint | None = None, *, call_seconds: float = CALL_SECONDS
    ) -> None:
        self.settings = settings
        self._call_seconds = call_seconds
        self._endpoint = endpoint
        self._lock = threading.Lock()

    @classmethod
    def running(cls, settings: Settings) -> Client | None:
        """A client of the daemon that already answers, if there is one; nothing is started."""
        endpoint = lifecycle.running(settings)
        return cls(settings, endpoint) if endpoint else None

    def tools(self) -> list[dict[str, Any]]:
        tools: list[dict[str, Any]] = self._call("GET", "/v1/tools")["tools"]
        return tools

    def run(
        self, task: str, arguments: Mapping[str, Any], *, cancellation: Cancellation | None = None
    ) -> dict[str, Any]:
        path = f"/v1/tools/{quote(task, safe='')}"
        return self._call("POST", path, dict(arguments), cancellation=cancellation)

    def embeddings(self, texts: Sequence[str], input_type: str = "") -> dict[str, Any]:
        """The answer of POST /v1/embeddings."""
        return self._call("POST", "/v1/embeddings", {"input": list(texts), "input_type": input_type})

    def index_add(
        self, name: str, folders: Sequence[str | Path], include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> None:
        # Absolute here, because the daemon has another working directory.
        paths = [str(expanded(folder).absolute()) for folder in folders]
        body = {"name": name, "folders": paths, "include": list(include), "exclude": list(exclude)}
        self._call("POST", "/v1/index/add", body)

    def index_sync(
        self, name: str | None = None, on_progress: Callable[[int, int, str], None] | None = None
    ) -> dict[str, Any]:
        return self._call("POST", "/v1/index/sync", {"name": name}, patient=True, on_progress=on_progress)

    def index_status(self, name: str | None = None) -> list[dict[str, Any]]:
        path = "/v1/index" + (f"?{urlencode({'name': name})}" if name else "")
        collections: list[dict[str, Any]] = self._call("GET", path)["collections"]
        return collections

    def index_remove(self, name: str) -> None:
        self._call("POST", "/v1/index/remove", {"name": name})

    def close(self) -> None:
        """Nothing is kept open; here so that a Client can stand in for a Toolbox."""

    def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        patient: bool = False,
        on_progress: Callable[[int, int, str], None] | None = None,
        cancellation: Cancellation | None = None,
    ) -> dict[str, Any]:
        content = _encode(body)
        timeout = None if patient else self._call_seconds
        endpoint = self._connect(None)
        for last in (False, True):
            connection = endpoint.connect(timeout)
            if cancellation:
                cancellation.attach(connection)
            try:
                response = _send(connection, endpoint, method, path, content)
                # 401: a daemon with another token has taken over the port.
                if response.status != 401 or last:
                    return _answer(response, on_progress)
            except TimeoutError:
                raise DaemonUnavailable(
                    f"the daemon at {endpoint.url} did not answer within {timeout:g} s; see {self.settings.log_path}"
                ) from None
            except DaemonUnavailable:
                # It is ending, or no daemon of ours.
                if last:
                    raise
            except _GONE as error:
                if cancellation and cancellation.cancelled:
                    raise Cancelled from None
                if last:
                    raise DaemonUnavailable(
                        f"the daemon at {endpoint.url} broke the connection twice ({type(error).__name__}); see "
                        f"{self.settings.log_path}"
                    ) from None
            finally:
                connection.close()
            endpoint = self._connect(endpoint)
        raise AssertionError("the second attempt answers or raises")

    def _connect(self, failed: Endpoint | None) -> Endpoint:
        with self._lock:
            # Another thread may have found the new daemon already.
            if self._endpoint is None or self._endpoint == failed:
                self._endpoint = lifecycle.ensure(self.settings, failed=failed)
            return self._endpoint


def _encode(body: dict[str, Any] | None) -> bytes | None:
    if body is None:
        return None
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArguments(f"the arguments are not plain JSON ({error})") from None


def _send(
    connection: http.client.HTTPConnection, endpoint: Endpoint, method: str, path: str, content: bytes | None
) -> http.client.HTTPResponse:
    headers = {"Authorization": f"Bearer {endpoint.token}", "Accept": "application/json"}
    if content is not None:
        headers["Content-Type"] = "application/json"
    if path == "/v1/index/sync":
        headers["Accept"] = "application/x-ndjson"
    connection.request(method, path, content, headers)
    return connection.getresponse()


def _answer(response: http.client.HTTPResponse, on_progress: Callable[[int, int, str], None] | None) -> dict[str, Any]:
    if "ndjson" in (response.getheader("Content-Type") or ""):
        for line in response:
            event = json.loads(line)
            if "progress" not in event:
                return _result(event)
            if on_progress:
                on_progress(*event["progress"])
        raise http.client.IncompleteRead(b"")
    content = response.read()
    try:
        answer = json.loads(content)
    except ValueError:
        raise DaemonUnavailable(
            f"the daemon answered HTTP {response.status} without JSON; end it with `openclaw-instructor daemon stop`"
        ) from None
    return _result(answer)


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if isinstance(answer.get("error"), dict):
        raise error_from(answer["error"])
    return answer
