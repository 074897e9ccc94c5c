"""What the service counts of itself, for Prometheus; of all its processes together, whichever is asked."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from sakuin.errors import SakuinError

MEDIA_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

SIZES = {
    "files": "Files of the index.",
    "documents": "Documents of the index.",
    "passages": "Distinct passages of the index.",
    "generation": "Counts commits of the index.",
}


class Metrics:
    """Counts of requests, and sizes of the index. Safe to use from several threads."""

    def __init__(self, sizes: Callable[[], Mapping[str, int]], shared: Path | None = None) -> None:
        """Begin to count.

        Args:
            sizes: Gives numbers by the names of `SIZES`; raises SakuinError where the index cannot be read.
            shared: The folder in which the processes of a service count together; None for a process by itself.
        """
        own = CollectorRegistry()
        self._registry = own
        if shared:
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry, str(shared))  # type: ignore[no-untyped-call]
        self._registry.register(IndexSizes(sizes))
        self._requests = Counter(
            "sakuin_requests", "Requests that were answered.", ("method", "endpoint", "status"), registry=own
        )
        self._seconds = Histogram(
            "sakuin_request_seconds",
            "Seconds from a request's headers to where its answer is ready.",
            ("endpoint",),
            registry=own,
            buckets=BUCKETS,
        )

    def add(self, collector: Collector) -> None:
        """Tell what else is counted."""
        self._registry.register(collector)

    def observe(self, *, method: str, endpoint: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)


class IndexSizes(Collector):
    """Sizes of the index at the moment when they are asked for."""

    def __init__(self, sizes: Callable[[], Mapping[str, int]]) -> None:
        self._sizes = sizes

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client."""
        try:
            sizes = self._sizes()
        except SakuinError:
            sizes = {}
        yield GaugeMetricFamily("sakuin_index_up", "Whether the index can be read.", int(bool(sizes)))
        for name in sizes:
            yield GaugeMetricFamily(f"sakuin_index_{name}", SIZES[name], sizes[name])


class ShardCounts(Collector):
    """What was asked of each shard of a cluster."""

    COUNTED: ClassVar[Mapping[str, str]] = {
        "asked": "Questions that a shard was asked.",
        "hedged": "Questions asked of a second replica, for the first was late.",
        "retried": "Questions asked of another replica, for the first died.",
        "failed": "Questions that no replica of a shard answered.",
        "seconds": "Seconds until a shard's answers were there.",
    }

    def __init__(self, counts: Callable[[], Sequence[Mapping[str, float]]]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[CounterMetricFamily]:
        """See prometheus_client."""
        counts = self._counts()
        for name, told in self.COUNTED.items():
            family = CounterMetricFamily(f"sakuin_shard_{name}", told, labels=["shard"])
            for shard, each in enumerate(counts):
                family.add_metric([str(shard)], each[name])
            yield family
