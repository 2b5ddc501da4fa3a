"""Count for Prometheus. Labels are route templates, task names and status codes, never a text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from openclaw_instructor.documents.process_memory import resident_bytes

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 120)
_PREFIX = "openclaw_instructor_"

_GAUGES = {
    "loaded": ("model_loaded", "1 while the weights are in memory."),
    "loading": ("model_loading", "1 while the weights are being loaded."),
    "batch_fill": ("batch_fill_ratio", "Tokens of an average pass relative to its budget."),
    "tokens_per_second": ("model_tokens_per_second", "Recent speed of the model."),
}
_COUNTERS = {
    "load_count": ("model_loads", "Times the weights were loaded."),
    "requests": ("embedding_requests", "Requests that entered the queue."),
    "busy": ("embedding_requests_refused", "Requests refused because the queue was full."),
    "cancelled": ("embedding_requests_dropped", "Requests dropped because their caller went away."),
    "texts": ("embedded_texts", "Texts answered by the model."),
    "tokens": ("model_tokens", "Tokens read by the model."),
    "batches": ("model_passes", "Passes of the model."),
    "model_seconds": ("model_busy_seconds", "Seconds the model worked."),
    "cache_hits": ("cache_hits", "Texts found in the embedding cache."),
    "cache_misses": ("cache_misses", "Texts not found in the embedding cache."),
}


class Metrics:
    """One registry of its own, so that several daemons can live in one process."""

    def __init__(self, stats: Callable[[], dict[str, Any] | None], lost_log_lines: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_State(stats, lost_log_lines))
        self._requests = Counter(
            _PREFIX + "requests", "HTTP requests.", ["route", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            _PREFIX + "request_seconds", "Seconds a request took.", ["route"], buckets=_BUCKETS, registry=self._registry
        )
        self.calls = Counter(_PREFIX + "tool_calls", "Tasks run.", ["task", "outcome"], registry=self._registry)

        # Looking up a metric by its labels takes several times as long as counting.
        self._request = cache(self._requests.labels)
        self._second = cache(self._seconds.labels)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request and the time it took."""
        self._request(route, method, status).inc()
        self._second(route).observe(seconds)

    def expose(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)


class _State(Collector):
    def __init__(self, stats: Callable[[], dict[str, Any] | None], lost_log_lines: Callable[[], int]) -> None:
        self._stats = stats
        self._lost = lost_log_lines

    def collect(self) -> Iterator[Metric]:
        memory = resident_bytes(os.getpid())
        yield GaugeMetricFamily(_PREFIX + "resident_memory_bytes", "Memory that the process holds.", float(memory))
        yield CounterMetricFamily(_PREFIX + "log_lines_lost", "Log lines that could not be written.", self._lost())
        stats = self._stats()
        if stats is None:
            return
        for key, (name, help_line) in _GAUGES.items():
            yield GaugeMetricFamily(_PREFIX + name, help_line, float(stats[key]))
        for key, (name, help_line) in _COUNTERS.items():
            yield CounterMetricFamily(_PREFIX + name, help_line, float(stats[key]))
        depth = GaugeMetricFamily(_PREFIX + "queue_texts", "Texts that wait for the model.", labels=["priority"])
        for priority, texts in stats["queue_texts"].items():
            depth.add_metric([priority], texts)
        yield depth
