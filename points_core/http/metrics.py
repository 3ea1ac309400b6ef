"""What is counted for Prometheus: requests by route and status, their time, the database; nobody's data."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


class Metrics:
    """The counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "points_http_requests", "Requests served.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "points_http_request_seconds",
            "How long answers took to begin.",
            ("route",),
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self._registry,
        )
        self._database = Gauge("points_database_up", "Whether the database answers.", registry=self._registry)
        self._waiting = Gauge(
            "points_outbox_waiting", "Effects that are not delivered yet.", registry=self._registry
        )

    def served(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def database(self, *, up: bool, waiting: int) -> None:
        """Say how the database is."""
        self._database.set(up)
        self._waiting.set(waiting)

    def page(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(self._registry)
