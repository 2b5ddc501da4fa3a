"""A Milvus to test against: Milvus Lite behind its own gRPC server, with a token if one is asked for."""

from __future__ import annotations

import base64
import socket
from concurrent import futures
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pymilvus", reason="pip install '.[milvus]' to test the vectors in Milvus")
pytest.importorskip("milvus_lite", reason="pip install milvus-lite to test the vectors in Milvus")

import grpc
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.db import MilvusLite
from pymilvus.grpc_gen import milvus_pb2_grpc


class MilvusHost:
    """A server that can be stopped and started again with what it has, on the same port."""

    def __init__(self, folder: Path, token: str = "") -> None:
        self.folder, self.token = folder, token
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._running: tuple[Any, Any] | None = None
        self.start()

    @property
    def store(self) -> str:
        return f"milvus://127.0.0.1:{self.port}"

    def start(self) -> None:
        database = MilvusLite(str(self.folder))
        interceptors = [_Token(self.token)] if self.token else []
        server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=interceptors)
        milvus_pb2_grpc.add_MilvusServiceServicer_to_server(MilvusServicer(database), server)
        server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._running = server, database

    def stop(self) -> None:
        if self._running is not None:
            server, database = self._running
            self._running = None
            server.stop(grace=None).wait()
            database.close()


class _Token(grpc.ServerInterceptor):  # type: ignore[misc]
    """Refuses whoever does not send the token, as Milvus does."""

    def __init__(self, token: str) -> None:
        self._sent = base64.b64encode(token.encode()).decode()

        def refuse(request: Any, context: Any) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check api key is correct")

        self._refusal = grpc.unary_unary_rpc_method_handler(refuse)

    def intercept_service(self, continuation: Any, call: Any) -> Any:
        sent = {key.lower(): value for key, value in call.invocation_metadata}
        return continuation(call) if sent.get("authorization") == self._sent else self._refusal
