"""Call the daemon from another process: the methods of a Toolbox over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.calls import Call, Caller, OnProgress
from openclaw_instructor.daemon.endpoint import Endpoint
from openclaw_instructor.daemon.transport import Cancellation
from openclaw_instructor.paths import expanded
from openclaw_instructor.registry.tool_spec import Effect
from openclaw_instructor.settings import Settings

CALL_SECONDS = 150.0  # longer than the daemon's own limit


class Client:
    """Calls the daemon of a home, starting it on first use. Thread-safe.

    A call whose connection breaks is made once more where that is safe: on the same daemon if it only reads, or if its
    idempotency key lets the daemon recognise it; on another daemon if it only reads and the first one ended in order. A
    call during which a daemon crashed is not repeated. `as_agent` asks with the token of agents, which opens less.
    Methods return the JSON objects of the HTTP routes and raise the same errors as a Toolbox, or DaemonUnavailable.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        endpoint: Endpoint | None = None,
        *,
        as_agent: bool = False,
        call_seconds: float = CALL_SECONDS,
    ) -> None:
        self.settings = settings or Settings.load()
        self._caller = Caller(self.settings, endpoint, as_agent=as_agent, call_seconds=call_seconds)

    @classmethod
    def running(cls, settings: Settings) -> Client | None:
        """Return a client of the daemon that already answers, if there is one; nothing is started."""
        endpoint = lifecycle.running(settings)
        return cls(settings, endpoint) if endpoint else None

    def tools(self) -> list[dict[str, Any]]:
        """Return the specifications of the enabled tools."""
        tools: list[dict[str, Any]] = self._caller.make(Call("GET", "/v1/tools"))["tools"]
        return tools

    def run(
        self, task: str, arguments: Mapping[str, Any], *, cancellation: Cancellation | None = None
    ) -> dict[str, Any]:
        """Run a task in the daemon and return its result; `cancellation` breaks the request off from another thread."""
        call = Call("POST", f"/v1/tools/{_quoted(task)}", None, dict(arguments), task=task)
        return self._caller.make(call, cancellation=cancellation)

    def embeddings(self, texts: Sequence[str], input_type: str = "") -> dict[str, Any]:
        """Return the answer of POST /v1/embeddings."""
        return self._caller.make(Call("POST", "/v1/embeddings", body={"input": list(texts), "input_type": input_type}))

    def teach(self, task: str, label: str, message: Mapping[str, Any]) -> dict[str, Any]:
        """Teach a task the label of a message, which is given as to `run`."""
        body = {"task": task, "label": label, "message": dict(message)}
        return self._caller.make(Call("POST", "/v1/corrections", "write", body))

    def add_rule(self, task: str, sender: str, label: str) -> dict[str, Any]:
        """Let all mail of an address or domain have one label."""
        body = {"task": task, "sender": sender, "label": label}
        return self._caller.make(Call("POST", "/v1/corrections/rule", "write", body))

    def corrections_report(self, task: str | None = None) -> dict[str, Any]:
        """Return what was taught, and what it tells."""
        return self._caller.make(Call("GET", _asked("/v1/corrections", task=task)))

    def undo_correction(self, number: int) -> dict[str, Any]:
        """Take a correction or rule back."""
        return self._caller.make(Call("POST", "/v1/corrections/undo", "write", {"id": number}))

    def index_add(
        self, name: str, folders: Sequence[str | Path], include: Sequence[str] = (), exclude: Sequence[str] = ()
    ) -> None:
        """Add folders to a collection, with glob patterns of files to include and exclude."""
        # Absolute here, because the daemon has another working directory.
        paths = [str(expanded(folder).absolute()) for folder in folders]
        body = {"name": name, "folders": paths, "include": list(include), "exclude": list(exclude)}
        self._caller.make(Call("POST", "/v1/index/add", "write", body))

    def index_sync(
        self, name: str | None = None, on_progress: OnProgress | None = None, *, full: bool = False
    ) -> dict[str, Any]:
        """Bring a collection, or all of them, up to date with its files and return the report.

        With `full`, every file is read, whatever its times say.
        """
        body = {"name": name, "full": full}
        call = Call("POST", "/v1/index/sync", "write", body, accept="application/x-ndjson", patient=True)
        return self._caller.make(call, on_progress=on_progress)

    def index_status(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the state of a collection, or of all of them."""
        asked = _asked("/v1/index", name=name)
        collections: list[dict[str, Any]] = self._caller.make(Call("GET", asked))["collections"]
        return collections

    def index_remove(self, name: str, folder: str | Path | None = None) -> None:
        """Remove a collection, or one folder of it, from the index; its files stay."""
        body = {"name": name} | ({} if folder is None else {"folder": str(expanded(folder).absolute())})
        self._caller.make(Call("POST", "/v1/index/remove", "destroy", body))

    def index_files(self, name: str | None = None, path: str | None = None) -> list[dict[str, Any]]:
        """Return the files of a collection, or of all, with their states."""
        asked = _asked("/v1/index/files", name=name, path=path)
        files: list[dict[str, Any]] = self._caller.make(Call("GET", asked))["files"]
        return files

    def index_compact(self) -> dict[str, Any]:
        """Give back the room of what was deleted from the index."""
        return self._caller.make(Call("POST", "/v1/index/compact", "write", {}, patient=True))

    def index_verify(self, *, full: bool = False) -> dict[str, Any]:
        """Check the index and return its problems."""
        return self._caller.make(Call("POST", "/v1/index/verify", "read", {"full": full}, patient=True))

    def index_repair(self, *, full: bool = False) -> dict[str, Any]:
        """Mend the index and return what was done."""
        return self._caller.make(Call("POST", "/v1/index/repair", "destroy", {"full": full}, patient=True))

    def index_backup(self, file: str | Path) -> dict[str, Any]:
        """Copy the index to a file while it is in use."""
        return self._of_file("backup", "write", file)

    def index_restore(self, file: str | Path) -> dict[str, Any]:
        """Put a backup in the place of the index."""
        return self._of_file("restore", "destroy", file)

    def index_export(self, file: str | Path, names: Sequence[str] = ()) -> dict[str, Any]:
        """Export collections, or all, to a file for another home."""
        return self._of_file("export", "write", file, names=list(names))

    def index_import(
        self, file: str | Path, roots: Mapping[str, str] | None = None, *, replace: bool = False
    ) -> dict[str, Any]:
        """Import the collections of an export; `roots` maps their folders of before to those of now."""
        return self._of_file("import", "destroy", file, roots=dict(roots or {}), replace=replace)

    def _of_file(self, what: str, effect: Effect, file: str | Path, **more: Any) -> dict[str, Any]:
        # Absolute here, because the daemon has another working directory.
        body = {"file": str(expanded(file).absolute()), **more}
        return self._caller.make(Call("POST", f"/v1/index/{what}", effect, body, patient=True))

    def index_inspect(self, task: str, arguments: Mapping[str, Any], expect: str) -> dict[str, Any]:
        """Search, and say at which stage a file was lost."""
        body = {"task": task, "arguments": dict(arguments), "expect": expect}
        return self._caller.make(Call("POST", "/v1/index/inspect", body=body))

    def rerank(self, query: str, documents: Sequence[str], top_n: int | None = None) -> dict[str, Any]:
        """Return the answer of POST /v1/rerank."""
        body = {"query": query, "documents": list(documents)} | ({} if top_n is None else {"top_n": top_n})
        return self._caller.make(Call("POST", "/v1/rerank", body=body))

    def session_link(self, scope: str = "write", page: str | None = None) -> dict[str, Any]:
        """Return a URL that opens this daemon in a browser, once and within a minute."""
        return self._caller.make(Call("POST", "/v1/session/link", "write", {"scope": scope, "page": page}))

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._caller.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _asked(route: str, **parameters: str | None) -> str:
    given = "&".join(f"{name}={_quoted(value)}" for name, value in parameters.items() if value)
    return f"{route}?{given}" if given else route


def _quoted(text: str) -> str:
    # What is no character, as in a name that is not UTF-8, becomes one at the other side that no name has.
    return quote(text, safe="", errors="surrogatepass")
