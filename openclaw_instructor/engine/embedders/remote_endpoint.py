"""Talk to a remote endpoint: its address, its key, and requests that are repeated where that may help."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openclaw_instructor import credentials
from openclaw_instructor.errors import Busy, CheckpointUnavailable, InvalidSettings, ServiceError
from openclaw_instructor.paths import expanded
from openclaw_instructor.settings import ENV_PREFIX, Settings

if TYPE_CHECKING:
    import httpx

KEY_VARIABLE = f"{ENV_PREFIX}REMOTE_KEY"
TRIES = 4
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0  # seconds between tries; doubled each time
MOST_ANSWER_BYTES = 256_000_000


class RemoteEndpoint:
    """The address that `settings.checkpoint` names, with its key. Making one sends nothing.

    Raises InvalidSettings.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.url = embeddings_url(settings.checkpoint)
        self.models_url = self.url.removesuffix("/embeddings") + "/models"
        self._key = read_key(settings)
        check_key_is_safe(self.url, self._key)
        self._client: httpx.Client | None = None

    def close(self) -> None:
        """Close the HTTP client, if one is open."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def __del__(self) -> None:
        if getattr(self, "_client", None) is not None:
            self.close()

    def ask(self, method: str, url: str, body: Any) -> Any:
        """Send a request and return the answer's JSON; try again after a pause where that may help.

        Raises Busy, CheckpointUnavailable, ServiceError.
        """
        import httpx

        problem: Busy | ServiceError = ServiceError(f"{url} did not answer")
        for attempt in range(TRIES):
            try:
                status, retry_after, answer = self._send(method, url, body)
            except httpx.HTTPError as error:
                problem, retry_after = self._no_answer(url, error), 0.0
            else:
                if status < 400:
                    return answer
                found = _problem(url, status, answer, retry_after)
                if not isinstance(found, Busy):
                    raise found
                problem = found
            if attempt + 1 < TRIES:
                time.sleep(min(LONGEST_PAUSE, max(retry_after, FIRST_PAUSE * 2**attempt)))
        raise problem

    def _no_answer(self, url: str, error: httpx.HTTPError) -> Busy:
        """Explain why no answer came. Raises CheckpointUnavailable where trying again cannot help."""
        import httpx

        if "certificate" in str(error).lower():
            raise CheckpointUnavailable(
                f"{url}: its certificate is not trusted ({error!s:.150}); set `remote_ca_file` to the authority's"
            ) from None
        if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
            seconds = self._settings.remote_timeout
            return Busy(f"{url} did not answer in {seconds:g} s; `remote_timeout` in config.yaml allows more")
        return Busy(f"{url} cannot be reached ({type(error).__name__}); check that it runs")

    def _send(self, method: str, url: str, body: Any) -> tuple[int, float, Any]:
        """Return the status, the seconds of `Retry-After`, and the answer's JSON, or its text for an error."""
        client = self._open_client()
        with client.stream(method, url, json=body) as response:
            parts, size = [], 0
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > MOST_ANSWER_BYTES:
                    raise ServiceError(f"{url} answered more than {MOST_ANSWER_BYTES // 10**6} MB; nothing was stored")
        content = b"".join(parts)
        try:
            answer = json.loads(content)
        except ValueError:
            if response.status_code < 400:
                raise ServiceError(f"{url} did not answer JSON but {content[:60]!r}; check the address") from None
            answer = content[:200].decode("utf-8", "replace")
        return response.status_code, _seconds(response.headers.get("retry-after")), answer

    def _open_client(self) -> httpx.Client:
        if self._client is None:
            # Imported late, because httpx takes a third of a second.
            from openclaw_instructor.web_client import new_client

            ca = self._settings.remote_ca_file
            self._client = new_client(
                self._settings.remote_timeout,
                headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
                ca_file=expanded(ca) if ca else None,
                use_proxy=True,
            )
        return self._client


def embeddings_url(checkpoint: str) -> str:
    """Return the address of the embeddings route. Raises InvalidSettings."""
    parts = urlsplit(checkpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise InvalidSettings(
            f"setting `checkpoint`: {checkpoint[:100]!r} is no address such as https://host/v1 (a key goes into "
            f"`remote_key_file` or ${KEY_VARIABLE})"
        )
    path = parts.path.rstrip("/")
    if not path.endswith("/embeddings"):
        path += "/embeddings" if path.endswith("/v1") else "/v1/embeddings"
    return f"{parts.scheme}://{parts.netloc}{path}"


def read_key(settings: Settings) -> str | None:
    """Read the key of the environment, else of the file. Raises InvalidSettings; the key is never in a message."""
    return credentials.read(KEY_VARIABLE, "remote_key_file", settings.remote_key_file, "the key and nothing else")


def check_key_is_safe(url: str, key: str | None) -> None:
    """Raise InvalidSettings if the key would be sent unencrypted to another machine."""
    parts = urlsplit(url)
    if key and parts.scheme == "http" and not credentials.is_loopback(parts.hostname or ""):
        raise InvalidSettings(f"{url}: a key is sent over https only, or to this machine; use https://")


def _problem(url: str, status: int, answer: Any, retry_after: float) -> ServiceError | CheckpointUnavailable | Busy:
    said = answer.get("error", answer) if isinstance(answer, dict) else answer
    said = said.get("message", said) if isinstance(said, dict) else said
    quoted = re.sub(r"[^\x20-\x7e]+", " ", str(said))[:150]
    if status in (401, 403):
        return CheckpointUnavailable(
            f"{url} refuses the key ({status}); set ${KEY_VARIABLE} or `remote_key_file` to a valid one"
        )
    if status == 404:
        return CheckpointUnavailable(f"{url} is not there (404: {quoted}); check `checkpoint` and `remote_model`")
    if status == 429 or status >= 500:
        what = "has too much to do" if status == 429 else "failed"
        return Busy(f"{url} {what} ({status}: {quoted}); try again later", max(1.0, retry_after))
    return ServiceError(f"{url} refuses the request ({status}: {quoted}); check `remote_model` and `remote_max_tokens`")


def _seconds(header: str | None) -> float:
    try:
        return min(LONGEST_PAUSE, max(0.0, float(header or 0)))
    except ValueError:  # a date
        return FIRST_PAUSE
