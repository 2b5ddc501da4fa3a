"""Carry out one call of the daemon: start it if need be, replace one that hangs, repeat what is safe to repeat."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import orjson

from openclaw_instructor import timezone
from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.endpoint import Endpoint
from openclaw_instructor.daemon.http_connection import Broken, Outgoing, Reply
from openclaw_instructor.daemon.transport import Cancellation, NotSent, Transport, health
from openclaw_instructor.daemon.wire_errors import error_from
from openclaw_instructor.errors import DaemonUnavailable, InstructorError, InvalidArguments
from openclaw_instructor.registry.tool_spec import Effect
from openclaw_instructor.settings import Settings

# How long a look at a daemon that keeps a call waiting may take, and when the next one follows.
LOOK_SECONDS, NEXT_LOOK_SECONDS = 2.0, 5.0
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Call:
    """One call of a route. A `patient` call has no time limit. The effect of a tool is looked up if needed."""

    method: str
    path: str
    effect: Effect | None = "read"
    body: Mapping[str, Any] | None = None
    accept: str = "application/json"
    patient: bool = False
    task: str = ""


class Caller:
    """Makes the calls of one client on the daemon of a home. Thread-safe.

    `as_agent` asks with the token of agents; `call_seconds` is the time limit of a call that is not patient.
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint | None,
        *,
        as_agent: bool,
        call_seconds: float,
    ) -> None:
        self.settings = settings
        self._transport = Transport()
        self._as_agent = as_agent
        self._call_seconds = call_seconds
        self._endpoint = endpoint
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._transport.close()

    def make(
        self, call: Call, *, on_progress: OnProgress | None = None, cancellation: Cancellation | None = None
    ) -> dict[str, Any]:
        """Send the call and return the JSON object of the answer. Raises what the daemon says, or DaemonUnavailable."""
        outgoing = self._outgoing(call)
        endpoint = self._connect(None)
        for last in (False, True):
            try:
                with (
                    self._attended(endpoint, outgoing) as sent,
                    self._transport.send(endpoint, sent, cancellation) as reply,
                ):
                    # 401: a daemon with another token has taken over the port.
                    if reply.status != 401 or last:
                        return _answer(reply, on_progress)
            except NotSent as error:
                if last:
                    raise self._unreachable(endpoint, str(error)) from None
            except TimeoutError:
                raise self._unreachable(endpoint, f"it did not answer within {outgoing.timeout:g} s") from None
            except DaemonUnavailable:
                # The daemon is shutting down and dropped the call.
                if last or self._effect_of(call) != "read":
                    raise
            except Broken as error:
                if last:
                    raise self._unreachable(endpoint, f"it broke the connection twice ({error})") from None
                self._check_repeatable(call, endpoint)
            endpoint = self._connect(endpoint)
        raise AssertionError("the second attempt answers or raises")

    @contextmanager
    def _attended(self, endpoint: Endpoint, outgoing: Outgoing) -> Iterator[Outgoing]:
        """Address a request to a daemon; replace one that hangs meanwhile, which breaks the connection."""
        over = threading.Event()

        def look() -> None:
            while not over.is_set():
                if health(endpoint, LOOK_SECONDS) is None and not over.is_set():
                    with suppress(InstructorError):
                        if self._connect(endpoint).pid != endpoint.pid:
                            return
                over.wait(NEXT_LOOK_SECONDS)

        token = endpoint.agent_token if self._as_agent else endpoint.token
        headers = {**outgoing.headers, "Authorization": f"Bearer {token}"}
        try:
            # A thread only for those who wait long: starting one costs a tenth of a short call.
            attend = partial(threading.Thread, target=look, name="attending", daemon=True)
            yield replace(outgoing, headers=headers, on_slow=lambda: attend().start())
        finally:
            over.set()

    def _outgoing(self, call: Call) -> Outgoing:
        headers = {"Accept": call.accept, timezone.HEADER: timezone.local_name()}
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        if call.effect != "read":
            headers["Idempotency-Key"] = secrets.token_hex(16)
        timeout = None if call.patient else self._call_seconds
        return Outgoing(call.method, call.path, headers, _encode(call.body), timeout)

    def _check_repeatable(self, call: Call, endpoint: Endpoint) -> None:
        """Raise DaemonUnavailable if repeating the call could do harm."""
        fate = lifecycle.fate_of(self.settings, endpoint)
        if fate == "crashed" and call.body is not None:
            raise DaemonUnavailable(
                "the daemon died while it worked on this request, which is therefore not made again; see "
                f"{self.settings.log_path}"
            )
        if fate != "alive" and self._effect_of(call) != "read":
            raise DaemonUnavailable(
                "the daemon ended while it worked on this request, and how much of it was done is not known; look what "
                "is there, then ask again"
            )

    def _effect_of(self, call: Call) -> Effect:
        if call.effect is not None:
            return call.effect
        from openclaw_instructor.registry import Registry

        task = Registry.load(self.settings).tasks.get(call.task)
        return task.effect if task else "write"

    def _connect(self, failed: Endpoint | None) -> Endpoint:
        with self._lock:
            # Another thread may have found the new daemon meanwhile.
            if self._endpoint is None or self._endpoint == failed:
                self._endpoint = lifecycle.ensure(self.settings, failed=failed)
            return self._endpoint

    def _unreachable(self, endpoint: Endpoint, what: str) -> DaemonUnavailable:
        return DaemonUnavailable(f"the daemon at {endpoint.url} does not serve: {what}; see {self.settings.log_path}")


def _encode(body: Mapping[str, Any] | None) -> bytes | None:
    if body is None:
        return None
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArguments(f"the arguments are not plain JSON ({error})") from None


def _answer(reply: Reply, on_progress: OnProgress | None) -> dict[str, Any]:
    if "ndjson" in reply.content_type:
        for line in reply.lines():
            event = orjson.loads(line)
            if "progress" not in event:
                return _result(event)
            if on_progress:
                on_progress(*event["progress"])
        raise Broken("the answer has no end")
    content = reply.read()
    try:
        answer = orjson.loads(content)
    except ValueError:
        raise DaemonUnavailable(
            f"the daemon answered HTTP {reply.status} without JSON; end it with `openclaw-instructor daemon stop`"
        ) from None
    return _result(answer)


def _result(answer: dict[str, Any]) -> dict[str, Any]:
    if isinstance(answer.get("error"), dict):
        raise error_from(answer["error"])
    return answer
