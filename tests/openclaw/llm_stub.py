"""A scripted language model behind the OpenAI chat-completions API, so that an agent's turns are known in advance.

A user message carries `SCRIPT <id> {"rounds": [[[tool, arguments], ...], ...], "hold": false}`. Each round is one
batch of tool calls; after the last round the model answers `ANSWER <id>` and the texts of the tool results. With
`hold` that answer waits for `release`.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SCRIPT = re.compile(r"SCRIPT (\S+) (\{.*)")


class LanguageModel:
    """Serves on a free loopback port; `requests[id]` holds the bodies of one script, `seen_at[id]` their times."""

    def __init__(self) -> None:
        self.requests: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.seen_at: dict[str, list[float]] = defaultdict(list)
        self.holding = threading.Event()
        self.release = threading.Event()
        handler = type("Handler", (_Handler,), {"model": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The assistant message for one request, and its finish reason."""
        messages = body["messages"]
        place, name, script = _newest_script(messages)
        if script is None:
            return {"role": "assistant", "content": "no script"}, "stop"
        self.requests[name].append(body)
        self.seen_at[name].append(time.monotonic())
        after = messages[place + 1 :]
        done = sum(1 for message in after if message["role"] == "assistant" and message.get("tool_calls"))
        if done < len(script["rounds"]):
            calls = [
                {
                    "index": index,
                    "id": f"call_{name}_{done}_{index}",
                    "type": "function",
                    "function": {"name": tool, "arguments": json.dumps(arguments)},
                }
                for index, (tool, arguments) in enumerate(script["rounds"][done])
            ]
            return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
        if script.get("hold"):
            self.holding.set()
            self.release.wait(300)
        results = [_text(message["content"]) for message in after if message["role"] == "tool"]
        return {"role": "assistant", "content": f"ANSWER {name} " + json.dumps(results)}, "stop"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: LanguageModel

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._json({"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message, reason = self.model.reply(body)
        head = {"id": f"chat-{time.time_ns()}", "created": int(time.time()), "model": body.get("model", "scripted")}
        usage = {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105}
        if not body.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": reason}
            self._json({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
            return
        head["object"] = "chat.completion.chunk"
        events = [
            {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
            {**head, "choices": [], "usage": usage},
        ]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self._send(text.encode(), "text/event-stream")

    def _json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _newest_script(messages: list[dict[str, Any]]) -> tuple[int, str, dict[str, Any] | None]:
    # OpenClaw puts a time before the user's words and further user messages after them.
    for place in range(len(messages) - 1, -1, -1):
        found = _SCRIPT.search(_text(messages[place]["content"])) if messages[place]["role"] == "user" else None
        if found:
            return place, found[1], json.JSONDecoder().raw_decode(found[2])[0]
    return -1, "", None


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or [])
