"""Talk to Milvus: every request with a time limit, and every error as a sentence that says what to do."""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from openclaw_instructor import distribution
from openclaw_instructor.errors import InstructorError, InvalidSettings, MissingExtra
from openclaw_instructor.index.vectors.milvus import problems

if TYPE_CHECKING:
    from openclaw_instructor.index.vectors.milvus.address import Address
    from openclaw_instructor.index.vectors.protocol import Ids, Matrix

# Of the collections that this package makes; those of another format are not taken for ours.
FORMAT = 1
# The client repeats what fails until then.
_LOOK_SECONDS, _READ_SECONDS, _WRITE_SECONDS = 5.0, 15.0, 60.0
# A new connection is tried at once, however often others failed before: so a server that comes back is found.
_CHANNEL = {"grpc.use_local_subchannel_pool": 1}
# The row that says whose vectors these are; ids of chunks are positive.
_STATE_ID = -1
_ABOUT_CHARACTERS = 1_024
_FIELDS = {"id", "vector", "about"}
# A request that carries vectors stays below what gRPC takes, 64 MB, at any dimension.
_REQUEST_BYTES = 8_000_000
_IDS_PER_REQUEST = 10_000
MOST_PROPOSED = 16_384
_EFFORT = 400
_PROBES = 64
# A folder of Milvus Lite is served by a thread of this process, for all connections to it.
_lite_users: Counter[str] = Counter()
_lite_lock = threading.Lock()


@dataclass(frozen=True)
class State:
    """What the state row says: whose vectors a collection holds, and which of them.

    `stamp` is drawn anew with every change and names the ledger with the ids; `revision` is the generation's that they
    are all of. While a change goes on, or after it was broken off, `complete` is false and `base` the stamp of before.
    """

    owner: str
    key: str
    identity: str
    stamp: str
    revision: int
    base: str = ""
    complete: bool = True
    format: int = FORMAT


class MilvusServer:
    """A connection that is opened at its first use. Safe to share between threads."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client: Any = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connection; Milvus Lite lets another process open its folder then."""
        with self._lock:
            client, self._client = self._client, None
            if client is None:
                return
            with contextlib.suppress(Exception):
                client.close()
        with _lite_lock:
            _lite_users[self.address.uri] -= 1
            if self.address.folder is not None and not _lite_users[self.address.uri]:
                lite = importlib.import_module("milvus_lite.server_manager")
                lite.server_manager_instance.release_server(self.address.uri)

    def names(self, prefix: str) -> list[str]:
        """List the collections whose names begin so."""
        with self._explained() as client:
            return [name for name in client.list_collections(timeout=_READ_SECONDS) if name.startswith(prefix)]

    def dimension(self, name: str) -> int | None:
        """Return the dimension of a collection of ours, or None if there is none of this name.

        Raises InvalidSettings for one that has other fields than we give it.
        """
        with self._explained() as client:
            if not client.has_collection(name, timeout=_READ_SECONDS):
                return None
            fields = {each["name"]: each for each in client.describe_collection(name, timeout=_READ_SECONDS)["fields"]}
        if set(fields) != _FIELDS or "dim" not in fields["vector"]["params"]:
            raise InvalidSettings(
                f"{self.address.shown} has a collection `{name}` that this package did not make; drop or rename it"
            )
        return int(fields["vector"]["params"]["dim"])

    def create(self, name: str, dimension: int) -> None:
        """Create an empty collection, with its index."""
        with self._explained() as client:
            types = importlib.import_module("pymilvus").DataType
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", types.INT64, is_primary=True)
            schema.add_field("vector", types.FLOAT_VECTOR, dim=dimension)
            schema.add_field("about", types.VARCHAR, max_length=_ABOUT_CHARACTERS)
            index = client.prepare_index_params()
            index.add_index(
                "vector", index_type=self.address.index, metric_type="IP", params=_build_parameters(self.address.index)
            )
            client.create_collection(
                name, schema=schema, index_params=index, num_shards=self.address.shards, timeout=_WRITE_SECONDS
            )
            client.load_collection(name, timeout=_READ_SECONDS)

    def drop(self, name: str) -> None:
        """Drop a collection; one that is gone already is no error."""
        with self._explained() as client:
            client.drop_collection(name, timeout=_WRITE_SECONDS)

    def state(self, name: str) -> State | None:
        """Read the state row as the last writer left it; None if there is none. Raises CollectionLost.

        The collection is loaded, if it is not: Milvus answers from loaded ones only.
        """
        with self._explained() as client:
            try:
                rows = _state_rows(client, name)
            except Exception as error:
                if not problems.is_unloaded(error):
                    raise
                client.load_collection(name, timeout=_READ_SECONDS)
                rows = _state_rows(client, name)
        try:
            return State(**json.loads(rows[0]["about"]))
        except (IndexError, ValueError, TypeError):
            return None

    def write_state(self, name: str, state: State, dimension: int) -> None:
        """Write the state row."""
        row = {"id": _STATE_ID, "vector": [0.0] * dimension, "about": json.dumps(asdict(state))}
        with self._explained() as client:
            client.upsert(name, [row], timeout=_WRITE_SECONDS)

    def add(self, name: str, ids: Ids, vectors: Matrix) -> None:
        """Insert vectors (n, dimension), in the place of those that have these ids."""
        rows = max(1, _REQUEST_BYTES // max(1, 4 * vectors.shape[1]))
        with self._explained() as client:
            for start in range(0, len(ids), rows):
                part = zip(ids[start : start + rows].tolist(), vectors[start : start + rows], strict=True)
                data = [{"id": key, "vector": vector, "about": ""} for key, vector in part]
                client.upsert(name, data, timeout=_WRITE_SECONDS)

    def remove(self, name: str, ids: Ids) -> None:
        """Delete the vectors of these ids."""
        with self._explained() as client:
            for start in range(0, len(ids), _IDS_PER_REQUEST):
                part = ids[start : start + _IDS_PER_REQUEST].tolist()
                client.delete(name, ids=part, timeout=_WRITE_SECONDS)

    def settle(self, name: str) -> None:
        """Have Milvus Lite write and index what it has in memory, where it searches slowly; servers do it unasked."""
        with self._explained() as client:
            if "lite" in str(client.get_server_version(timeout=_READ_SECONDS)):
                client.flush(name, timeout=_WRITE_SECONDS)

    def ids(self, name: str) -> Ids:
        """List the ids of all vectors, ascending."""
        import numpy as np

        listed: list[int] = []
        with self._explained() as client:
            pages = client.query_iterator(
                name,
                batch_size=_IDS_PER_REQUEST,
                filter=f"id > {_STATE_ID}",
                output_fields=["id"],
                consistency_level="Strong",
                timeout=_WRITE_SECONDS,
            )
            with contextlib.closing(pages):
                while page := pages.next():
                    listed += [row["id"] for row in page]
        return np.unique(np.array(listed, dtype=np.int64))

    def vectors(self, name: str, ids: Ids) -> Iterator[tuple[Ids, Matrix]]:
        """Yield batches of (ids (n,), vectors (n, dimension)) of these ids as Milvus has them, ascending."""
        import numpy as np

        for start in range(0, len(ids), 1_000):
            with self._explained() as client:
                asked = ids[start : start + 1_000].tolist()
                rows = client.get(name, asked, output_fields=["id", "vector"], timeout=_READ_SECONDS)
                found = sorted((row["id"], row["vector"]) for row in rows)
            yield (
                np.array([key for key, _ in found], dtype=np.int64),
                np.array([vector for _, vector in found], dtype=np.float32),
            )

    def nearest(self, name: str, query: Matrix, limit: int, among: Ids | None, *, strong: bool) -> Ids:
        """Propose the ids of the nearest to `query` (dimension,), only of those `among` if given.

        What was written within the last seconds is seen if `strong`.
        """
        import numpy as np

        limit = min(limit, MOST_PROPOSED)
        with self._explained() as client:
            found = client.search(
                name,
                data=[query.tolist()],
                anns_field="vector",
                limit=limit,
                filter="" if among is None else f"id in {among.tolist()}",
                output_fields=["id"],
                search_params={"metric_type": "IP", "params": _search_parameters(self.address, limit)},
                consistency_level="Strong" if strong else "Bounded",
                timeout=_READ_SECONDS,
            )
        ids = np.array([hit["id"] for hit in found[0]], dtype=np.int64)
        proposed: Ids = ids[ids != _STATE_ID]
        return proposed

    @contextmanager
    def _explained(self) -> Iterator[Any]:
        """Lend the client, connected, and turn what it raises into errors of ours."""
        try:
            yield self._connected()
        except InstructorError:
            raise
        except Exception as error:
            explained = problems.explained(error, self.address)
            if not isinstance(explained, problems.CollectionLost) and self.address.folder is None:
                # The client does not recover from a server that was away: the next request makes another.
                self.close()
            raise explained from None

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        try:
            pymilvus = importlib.import_module("pymilvus")
            if self.address.folder is not None:
                importlib.import_module("milvus_lite")
        except ImportError:
            raise MissingExtra(
                f"setting `store`: the client of Milvus is not installed; run: {distribution.pip_line('milvus')}"
            ) from None
        # They log whole stack traces of what is an error of ours, or mended, further up.
        for name in ("pymilvus", "milvus_lite"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        options: dict[str, Any] = {"grpc_options": _CHANNEL}
        if self.address.token:
            options["token"] = self.address.token
        if self.address.database:
            options["db_name"] = self.address.database
        with _lite_lock:
            client = pymilvus.MilvusClient(self.address.uri, timeout=_LOOK_SECONDS, **options)
            _lite_users[self.address.uri] += 1
        return client


def _state_rows(client: Any, name: str) -> Any:
    return client.query(
        name,
        filter=f"id == {_STATE_ID}",
        output_fields=["about"],
        consistency_level="Strong",
        timeout=_LOOK_SECONDS,
    )


def _build_parameters(index: str) -> dict[str, Any]:
    if index.startswith("HNSW"):
        return {"M": 24, "efConstruction": 200} | ({"sq_type": "SQ8"} if index == "HNSW_SQ" else {})
    return {"nlist": 1_024} if index.startswith("IVF") else {}


def _search_parameters(address: Address, limit: int) -> dict[str, int]:
    index = address.index
    # The index that Milvus Lite chooses is HNSW too, of which it looks at 64 candidates even where more are asked for.
    if index.startswith("HNSW") or (index == "AUTOINDEX" and address.folder is not None):
        return {"ef": max(_EFFORT, limit)}
    if index == "DISKANN":
        return {"search_list": max(_EFFORT, limit)}
    return {"nprobe": _PROBES} if index.startswith("IVF") else {}
