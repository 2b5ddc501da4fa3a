"""The engines that `search.py` compares: each builds files from vectors, opens them, and finds the nearest."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np


class Ours:
    """The local engine of this package with its store, whose vectors rank what the index proposes."""

    name = "openclaw-instructor"
    modules: ClassVar[tuple[str, ...]] = (
        "faiss",
        "openclaw_instructor.index.vectors.local",
        "openclaw_instructor.index.store",
    )
    efforts: ClassVar[tuple[int | None, ...]] = (100, 200, 400, 500, 600, 800)
    most_queries = 1_000

    def build(self, vectors: Any, folder: Path) -> None:
        """Publish the vectors as passages, twenty to a document, and build the index."""
        from openclaw_instructor.documents.chunking import Chunk
        from openclaw_instructor.index import chunk_store, collections, stored_vectors
        from openclaw_instructor.index.collections import Generation, Root
        from openclaw_instructor.index.store import Store

        store = Store(folder / "index.db")
        with store.write() as connection:
            collections.put(connection, "docs", "", [Root(folder, (), ())])
            (collection,) = collections.collections(connection)
            wanted = Generation(0, "", "identity", "space", "mini", vectors.shape[1], 0)
            generation = collections.target(connection, collection, wanted)
        for start in range(0, len(vectors), 20_000):
            with store.write() as connection:
                for first in range(start, min(start + 20_000, len(vectors)), 20):
                    part = vectors[first : first + 20]
                    row = chunk_store.DocumentRow(str(first), str(first), 1, 1, 1, str(first), "text/1", "", 1.0)
                    # The number of the vector as text, by which it is known again.
                    chunks = [Chunk(1, 1, "", str(number), "", "") for number in range(first, first + len(part))]
                    blobs = [stored_vectors.as_blob(vector) for vector in part]
                    chunk_store.publish(connection, generation.id, row, chunks, blobs)
                collections.touch(connection, collection, generation)
        store.close()
        self.open(folder)

    def open(self, folder: Path) -> None:
        """Open store and index; builds the index where there is none."""
        from openclaw_instructor.index import collections
        from openclaw_instructor.index.filters import Filter
        from openclaw_instructor.index.store import Store
        from openclaw_instructor.index.vectors.local import LocalVectorEngine
        from openclaw_instructor.index.vectors.protocol import View

        self._reading = Store(folder / "index.db").read()
        self._connection = self._reading.__enter__()
        (collection,) = collections.collections(self._connection)
        assert collection.serving is not None
        engine = LocalVectorEngine(folder / "vectors")
        view = View(self._connection, collection, collection.serving)
        if not (folder / "vectors").exists():
            engine.update(view)
        self._searcher, _ = engine.open(view)
        self._filter = Filter()

    def search(self, query: Any, limit: int, effort: int | None) -> list[int]:
        """Find the nearest, ranked by the vectors of the store."""
        from openclaw_instructor.index.vectors import graph

        if effort is not None:
            graph.EFFORT = effort
        return [key for key, _ in self._searcher.search(query, limit, self._filter)]

    def numbers_of(self, keys: list[int]) -> list[int]:
        """Tell the numbers of the vectors from the ids of their passages."""
        among = ",".join("?" * len(keys))
        rows = self._connection.execute(f"SELECT text FROM chunks WHERE id IN ({among})", keys)
        return [int(row["text"]) for row in rows]


class FaissFlat:
    """FAISS, every vector compared."""

    name = "faiss-flat"
    modules: ClassVar[tuple[str, ...]] = ("faiss",)
    efforts: ClassVar[tuple[int | None, ...]] = (None,)
    most_queries = 300

    def build(self, vectors: Any, folder: Path) -> None:
        """Write a flat index."""
        import faiss

        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
        faiss.write_index(index, str(folder / "flat.faiss"))

    def open(self, folder: Path) -> None:
        """Read it."""
        import faiss

        self._index = faiss.read_index(str(folder / "flat.faiss"))

    def search(self, query: Any, limit: int, effort: int | None) -> Any:
        """Compare all."""
        return self._index.search(query[None], limit)[1][0]


class SqliteVec:
    """sqlite-vec, every vector compared."""

    name = "sqlite-vec"
    modules: ClassVar[tuple[str, ...]] = ("pysqlite3.dbapi2", "sqlite_vec")
    efforts: ClassVar[tuple[int | None, ...]] = (None,)
    most_queries = 100

    def _connect(self, folder: Path) -> Any:
        import sqlite_vec

        # Many builds of Python leave out what loads extensions, and this one is a drop-in that has it.
        from pysqlite3 import dbapi2 as sqlite3

        connection = sqlite3.connect(folder / "vectors.db")
        connection.enable_load_extension(True)
        sqlite_vec.load(connection)
        return connection

    def build(self, vectors: Any, folder: Path) -> None:
        """Fill a table."""
        connection = self._connect(folder)
        dimension = vectors.shape[1]
        connection.execute(f"CREATE VIRTUAL TABLE v USING vec0 (e float[{dimension}] distance_metric=cosine)")
        connection.executemany(
            "INSERT INTO v (rowid, e) VALUES (?, ?)", ((i, vector.tobytes()) for i, vector in enumerate(vectors))
        )
        connection.commit()

    def open(self, folder: Path) -> None:
        """Connect."""
        self._connection = self._connect(folder)

    def search(self, query: Any, limit: int, effort: int | None) -> list[int]:
        """Compare all."""
        statement = "SELECT rowid FROM v WHERE e MATCH ? AND k = ?"
        return [row[0] for row in self._connection.execute(statement, (query.tobytes(), limit))]


class LanceDB:
    """LanceDB with its HNSW over partitions and vectors of one byte a component."""

    name = "lancedb"
    modules: ClassVar[tuple[str, ...]] = ("lancedb", "pyarrow")
    efforts: ClassVar[tuple[int | None, ...]] = (50, 100, 200, 400, 800, 1600)
    most_queries = 300

    def build(self, vectors: Any, folder: Path) -> None:
        """Write a table and its index."""
        import lancedb
        import pyarrow as pa

        flat = pa.FixedSizeListArray.from_arrays(pa.array(np.asarray(vectors).ravel()), vectors.shape[1])
        data = pa.table({"id": pa.array(range(len(vectors))), "vector": flat})
        table = lancedb.connect(folder).create_table("v", data)
        table.create_index(metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1, m=20, ef_construction=150)

    def open(self, folder: Path) -> None:
        """Open the table."""
        import lancedb

        self._table = lancedb.connect(folder).open_table("v")

    def search(self, query: Any, limit: int, effort: int | None) -> list[int]:
        """Search, and rank a few more by their stored vectors."""
        asked = self._table.search(query).distance_type("cosine").limit(limit).nprobes(1).ef(effort).refine_factor(3)
        found = asked.select(["id"]).to_arrow()["id"].to_pylist()
        return [int(each) for each in found]


class MilvusLite:
    """Milvus Lite through its client."""

    name = "milvus-lite"
    modules: ClassVar[tuple[str, ...]] = ("pymilvus",)
    efforts: ClassVar[tuple[int | None, ...]] = (64, 128, 256, 512, 1024)
    most_queries = 300

    def build(self, vectors: Any, folder: Path) -> None:
        """Fill a collection with an HNSW index."""
        from pymilvus import DataType, MilvusClient

        client = MilvusClient(str(folder / "milvus.db"))
        schema = client.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=vectors.shape[1])
        index = client.prepare_index_params()
        index.add_index("vector", index_type="HNSW", metric_type="IP", params={"M": 16, "efConstruction": 100})
        client.create_collection("v", schema=schema, index_params=index)
        for start in range(0, len(vectors), 2_000):
            part = np.asarray(vectors[start : start + 2_000])
            client.insert("v", [{"id": start + i, "vector": vector} for i, vector in enumerate(part)])
        client.flush("v")
        client.close()

    def open(self, folder: Path) -> None:
        """Load the collection."""
        from pymilvus import MilvusClient

        self._client = MilvusClient(str(folder / "milvus.db"))
        self._client.load_collection("v")

    def search(self, query: Any, limit: int, effort: int | None) -> list[int]:
        """Ask the client."""
        found = self._client.search("v", [query.tolist()], limit=limit, search_params={"params": {"ef": effort}})
        return [hit["id"] for hit in found[0]]


class Qdrant:
    """Qdrant's client in this process, which compares every vector."""

    name = "qdrant-local"
    modules: ClassVar[tuple[str, ...]] = ("qdrant_client",)
    efforts: ClassVar[tuple[int | None, ...]] = (None,)
    most_queries = 100

    def build(self, vectors: Any, folder: Path) -> None:
        """Fill a collection."""
        from qdrant_client import QdrantClient, models

        client = QdrantClient(path=str(folder))
        client.create_collection(
            "v", vectors_config=models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE)
        )
        client.upload_collection("v", vectors=np.asarray(vectors), ids=range(len(vectors)), batch_size=1_000)
        client.close()

    def open(self, folder: Path) -> None:
        """Load the collection."""
        from qdrant_client import QdrantClient

        self._client = QdrantClient(path=str(folder))

    def search(self, query: Any, limit: int, effort: int | None) -> list[int]:
        """Ask the client."""
        found = self._client.query_points("v", query=query, limit=limit, with_payload=False)
        return [point.id for point in found.points]


class USearch:
    """USearch's HNSW over vectors of one byte a component, mapped from its file."""

    name = "usearch"
    modules: ClassVar[tuple[str, ...]] = ("usearch.index",)
    efforts: ClassVar[tuple[int | None, ...]] = (50, 100, 200, 400, 800, 1600)
    most_queries = 1_000
    number_format = "i8"

    def build(self, vectors: Any, folder: Path) -> None:
        """Write an index."""
        from usearch.index import Index

        index = Index(ndim=vectors.shape[1], metric="cos", dtype=self.number_format, connectivity=16, expansion_add=128)
        index.add(np.arange(len(vectors)), np.asarray(vectors), threads=2)
        index.save(str(folder / "v.usearch"))

    def open(self, folder: Path) -> None:
        """Map it into memory."""
        from usearch.index import Index

        self._index = Index.restore(str(folder / "v.usearch"), view=True)

    def search(self, query: Any, limit: int, effort: int | None) -> Any:
        """Search; it has no way to rank by other vectors."""
        self._index.expansion_search = effort
        return self._index.search(query, limit, threads=1).keys


class USearchHalf(USearch):
    """USearch's HNSW over vectors of half precision."""

    name = "usearch-f16"
    number_format = "f16"


ENGINES: dict[str, Any] = {
    engine.name: engine for engine in (Ours, FaissFlat, SqliteVec, LanceDB, MilvusLite, Qdrant, USearch, USearchHalf)
}
