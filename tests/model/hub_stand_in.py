"""A local stand-in of the hub's HTTP API: repository info, file list, and files by revision."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class HubStandIn:
    """Serves one repository from a folder; `requests` lists the paths asked for, `failing` files are not sent."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.commit = hashlib.sha1(name.encode()).hexdigest()
        self.requests: list[str] = []
        self.failing: set[str] = set()
        self.files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        self.files["onnx/model.onnx"] = folder / "config.json"
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                stand_in.answer(self)

            do_HEAD = do_GET

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> HubStandIn:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.split("?")[0]
        self.requests.append(path)
        known = (self.commit, "main")
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path):
            if match[1] != self.name:
                return self.send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
            if match[3] and match[3] not in known:
                return self.send(request, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            if match[2] == "tree":
                listed: Any = [
                    {"type": "file", "path": f, "size": p.stat().st_size, "oid": "0"} for f, p in self.files.items()
                ]
            else:
                listed = {"id": self.name, "sha": self.commit, "siblings": [{"rfilename": f} for f in self.files]}
            return self.send(request, 200, json.dumps(listed).encode(), {"Content-Type": "application/json"})
        match = re.fullmatch(rf"/{re.escape(self.name)}/resolve/([^/]+)/(.+)", path)
        if match and match[1] in known and match[2] in self.failing:
            return self.send(request, 403, b"{}", {})
        if match and match[1] in known and match[2] in self.files:
            content = self.files[match[2]].read_bytes()
            etag = f'"{hashlib.sha1(content).hexdigest()}"'
            return self.send(request, 200, content, {"ETag": etag, "X-Repo-Commit": self.commit})
        return self.send(request, 404, b"{}", {"X-Error-Code": "EntryNotFound"})

    def send(self, request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)
