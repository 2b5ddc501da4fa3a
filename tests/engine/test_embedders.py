"""Sources of embeddings other than our own encoder: sentence-transformers, endpoints, and another daemon of ours."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.engine import Engine
from openclaw_instructor.engine.embedders import remote, remote_endpoint
from openclaw_instructor.engine.embedders.local import LocalEmbedder
from openclaw_instructor.errors import (
    Busy,
    CheckpointUnavailable,
    InstructorError,
    InvalidCheckpoint,
    InvalidSettings,
    ServiceError,
)
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from tests.model import random_family

TEXTS = ["the boats leave at nine", "pay the invoice", "Zürich"]


def embedded(settings: Settings, *, instruction: str = "", role: Any = "text") -> np.ndarray:
    engine = Engine(settings)
    try:
        return engine.embed(TEXTS, instruction, role=role, timeout=100).vectors
    finally:
        engine.close()


class Endpoint:
    """An OpenAI-compatible server. `answers` are taken one by one before it answers as it should."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.seed = 0
        self.seconds = 0.0  # that it takes to answer
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                endpoint.send(self, 200, {"data": [{"id": "some-model"}]})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                endpoint.asked.append(body)
                endpoint.keys.append(self.headers.get("Authorization"))
                time.sleep(endpoint.seconds)
                status, content = 200, endpoint.embeddings(body["input"])
                if endpoint.answers:
                    status, content = endpoint.answers.pop(0)
                endpoint.send(self, status, content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def embeddings(self, texts: list[str], dimension: int = 16) -> dict[str, Any]:
        rows = [np.random.default_rng([self.seed, *text.encode()]).normal(size=dimension).tolist() for text in texts]
        return {"data": [{"index": index, "embedding": row} for index, row in enumerate(rows)]}

    def send(self, request: BaseHTTPRequestHandler, status: int, content: Any) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        with suppress(ConnectionError):  # the client may have given up waiting
            request.send_response(status)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    monkeypatch.setattr(remote_endpoint, "FIRST_PAUSE", 0.001)
    server = Endpoint()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def settings(endpoint: Endpoint, home: Path) -> Settings:
    return Settings(home=home, checkpoint=endpoint.url, cache_mb=0)


def test_an_endpoint_embeds_in_batches_with_its_key(
    endpoint: Endpoint, settings: Settings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "key").write_text("secret-of-the-endpoint\n")
    monkeypatch.setattr(remote, "MOST_TEXTS", 2)
    vectors = embedded(settings.model_copy(update={"remote_key_file": str(home / "key")}))
    assert vectors.shape == (3, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert sorted(len(body["input"]) for body in endpoint.asked) == [1, 1, 2]
    assert set(endpoint.keys) == {"Bearer secret-of-the-endpoint"}
    assert endpoint.asked[0]["model"] == "some-model"


def test_prompts_are_those_of_the_settings(endpoint: Endpoint, settings: Settings) -> None:
    prompted = settings.model_copy(update={"prompts": {"query": "query: ", "document": "passage: "}})
    embedded(prompted, instruction="Represent: ", role="query")
    assert endpoint.asked[-1]["input"] == [f"query: {text}" for text in TEXTS]
    template = settings.model_copy(update={"instruction_form": "Instruct: {instruction}\nQuery: "})
    embedded(template, instruction="Find the passage: ", role="query")
    assert endpoint.asked[-1]["input"][0] == f"Instruct: Find the passage\nQuery: {TEXTS[0]}"
    embedded(template, instruction="Find the passage: ", role="document")
    assert endpoint.asked[-1]["input"] == TEXTS


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_asked_again(endpoint: Endpoint, settings: Settings, status: int) -> None:
    expected = embedded(settings)
    endpoint.answers = [(status, {"error": {"message": "later"}})] * 2
    np.testing.assert_array_equal(embedded(settings), expected)


HALF = {"data": [{"index": 0, "embedding": [1.0] * 16}]}
OTHER = {"data": [{"index": index, "embedding": [1.0] * 9} for index in range(3)]}
UNEVEN = {"data": [{"index": index, "embedding": [1.0] * (16 - (index == 2))} for index in range(3)]}
TOO_LARGE = {"data": [{"index": index, "embedding": [1e300] * 16} for index in range(3)]}
NOT_A_NUMBER = b'{"data": [%s]}' % b", ".join(
    b'{"index": %d, "embedding": [%s]}' % (n, b", ".join([b"NaN"] * 16)) for n in range(3)
)


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        ([(401, {"error": {"message": "bad key"}})], CheckpointUnavailable, "refuses the key"),
        ([(404, {"detail": "no such model"})], CheckpointUnavailable, "is not there"),
        ([(429, {})] * 9, Busy, "has too much to do"),
        ([(500, b"oops")] * 9, Busy, "failed"),
        ([(413, {"error": "too long"})], ServiceError, "refuses the request"),
        ([(200, HALF)], ServiceError, "1 embeddings for 3 texts"),
        ([(200, {"data": None})], ServiceError, "no embeddings for 3 texts"),
        ([(200, OTHER)], ServiceError, "another form"),
        ([(200, NOT_A_NUMBER)], ServiceError, "another form"),
        ([(200, UNEVEN)], ServiceError, "another form"),
        ([(200, TOO_LARGE)], ServiceError, "another form"),
        ([(200, b"<html>hello")], ServiceError, "did not answer JSON"),
    ],
)
def test_what_an_endpoint_does_wrong_is_one_plain_sentence(
    endpoint: Endpoint, settings: Settings, answers: list[Any], error: type[InstructorError], message: str
) -> None:
    embedded(settings)
    engine = Engine(settings)
    engine.embed(["loaded"], timeout=60)
    endpoint.answers = list(answers)
    with pytest.raises(error, match=message):
        engine.embed(TEXTS, timeout=60)
    endpoint.answers = []
    assert engine.embed(TEXTS, timeout=60).vectors.shape == (3, 16)
    engine.close()


def test_a_model_without_a_usable_vector_is_called_by_its_name(endpoint: Endpoint, settings: Settings) -> None:
    endpoint.answers = [(200, {"data": [{"index": 0, "embedding": [0.0] * 16}]})]
    with pytest.raises(InvalidCheckpoint, match=r"^some-model at http://127.0.0.1:\d+/v1/embeddings: its embedding"):
        embedded(settings)


def test_another_model_under_the_same_name_is_refused(endpoint: Endpoint, settings: Settings) -> None:
    identity = Engine(settings).identity("")
    embedded(settings)
    endpoint.seed = 1
    assert Engine(settings).identity("") == identity
    with pytest.raises(InvalidCheckpoint, match="it is another model"):
        embedded(settings)
    endpoint.answers = [(200, endpoint.embeddings(["x"], dimension=9))]
    with pytest.raises(InvalidCheckpoint, match="9 dimensions, 16 before"):
        embedded(settings)


def test_what_does_not_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_endpoint, "FIRST_PAUSE", 0.001)
    with pytest.raises(Busy, match="cannot be reached"):
        embedded(Settings(home=home, checkpoint="http://127.0.0.1:9/v1", remote_model="m", cache_mb=0))


def test_a_slow_endpoint(endpoint: Endpoint, settings: Settings) -> None:
    embedded(settings)
    engine = Engine(settings.model_copy(update={"remote_timeout": 0.2}))
    endpoint.seconds = 2.0
    with pytest.raises(Busy, match="remote_timeout"):
        engine.embed(TEXTS, timeout=60)
    endpoint.seconds = 0.0
    assert engine.embed(TEXTS, timeout=60).vectors.shape == (3, 16)
    engine.close()


@pytest.mark.parametrize("address", ["http://", "https://user:pw@host/v1", "https://host/v1?key=1"])
def test_an_address_that_is_none(home: Path, address: str) -> None:
    with pytest.raises(InvalidSettings, match="is no address"):
        Engine(Settings(home=home, checkpoint=address)).identity("")


def test_a_key_does_not_travel_in_the_open(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(remote_endpoint.KEY_VARIABLE, "secret-key")
    with pytest.raises(InvalidSettings, match="over https only") as caught:
        Engine(Settings(home=home, checkpoint="http://example.org/v1")).identity("")
    assert "secret-key" not in caught.value.message


def test_another_daemon_of_ours(
    home: Path, tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Settings(home=tmp_path / "other", checkpoint=str(tiny_checkpoint), threads=1, load_wait=600)
    other.home.mkdir()
    other.config_path.write_text(f"checkpoint: {tiny_checkpoint}\nthreads: 1\nload_wait: 600\n")
    daemon = lifecycle.ensure(Settings.load(other.home))
    try:
        monkeypatch.setenv(remote_endpoint.KEY_VARIABLE, daemon.token)
        settings = Settings(home=home, checkpoint=f"{daemon.url}/v1", cache_mb=0, load_wait=600)
        by_daemon = embedded(settings, role="query")
        toolbox = Toolbox(settings=other)
        directly = toolbox.embed(TEXTS, "query").vectors
        toolbox.close()
        np.testing.assert_allclose(by_daemon, directly, atol=1e-3)
    finally:
        lifecycle.stop(Settings.load(other.home))


def test_a_model_of_sentence_transformers(home: Path, tmp_path: Path) -> None:
    folder = random_family.write(tmp_path / "made", "bert")
    here = Settings(home=home, checkpoint=str(folder), dtype="float32", threads=1, cache_mb=0, load_wait=600)
    theirs = here.model_copy(update={"checkpoint": f"st:{folder}"})
    for settings in (here, theirs):
        vectors = embedded(settings.model_copy(update={"prompts": {"query": "query: "}}), role="query")
        assert vectors.shape == (3, 32)
    np.testing.assert_allclose(embedded(here), embedded(theirs), atol=1e-4)
    engine = Engine(theirs)
    assert engine.embedder.room("") + 2 == engine.embedder.max_seq_length
    assert engine.embed(["word " * 900], timeout=60).truncated == [True]
    assert Engine(theirs).identity("") == engine.identity("")
    engine.close()


def test_a_model_that_sentence_transformers_cannot_load(home: Path) -> None:
    with pytest.raises(CheckpointUnavailable, match=r"st:\./nowhere: sentence-transformers cannot load it"):
        embedded(Settings(home=home, checkpoint="st:./nowhere", offline=True, cache_mb=0))


def test_dimensions_and_forms_of_a_local_checkpoint(home: Path, tmp_path: Path) -> None:
    folder = random_family.write(tmp_path / "made", "bert")
    whole = Settings(home=home, checkpoint=str(folder), dtype="float32", threads=1, cache_mb=0)
    cut = whole.model_copy(update={"dimensions": 8})
    vectors, short = embedded(whole), embedded(cut)
    assert short.shape == (3, 8)
    np.testing.assert_allclose(short, vectors[:, :8] / np.linalg.norm(vectors[:, :8], axis=1, keepdims=True), atol=1e-5)
    prompted = whole.model_copy(update={"prompts": {"query": "query: "}})
    identities = {LocalEmbedder(each).identity for each in (whole, prompted)}
    assert len(identities) == 2
    with pytest.raises(InvalidSettings, match="gives 32; lower it"):
        LocalEmbedder(whole.model_copy(update={"dimensions": 64}))
    with pytest.raises(InvalidSettings, match="is no role"):
        LocalEmbedder(whole.model_copy(update={"prompts": {"question": "x"}}))
