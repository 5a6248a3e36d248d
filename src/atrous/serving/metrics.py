"""Numbers about the service in the text format of Prometheus (version 0.0.4)."""

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets, in seconds."""

BATCH_BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

_HELP = {
    "atrous_requests_total": ("counter", "Requests by path and status."),
    "atrous_request_seconds": ("histogram", "Time from a request's first byte to its answer, by path."),
    "atrous_stage_seconds": ("histogram", "Time of the stages of a prediction: decode, wait, predict, encode."),
    "atrous_batch_images": ("histogram", "Images that were computed together."),
    "atrous_decoder_restarts_total": ("counter", "Decoding processes that were replaced."),
    "atrous_waiting_images": ("gauge", "Images that wait for the network."),
    "atrous_open_requests": ("gauge", "Requests for a prediction that are being answered."),
    "atrous_held_bytes": ("gauge", "Bytes of uploads, images and results that are held."),
    "atrous_resident_bytes": ("gauge", "Resident memory of the server process."),
}

Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters and histograms, which any thread may add to, and gauges, which are read when they are asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: defaultdict[tuple[str, Labels], float] = defaultdict(float)
        self._buckets: dict[tuple[str, Labels], list[int]] = {}
        self._gauges: dict[str, Callable[[], float | int]] = {}

    def count(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Add one to a counter."""
        with self._lock:
            self._counters[name, tuple((labels or {}).items())] += 1

    def observe(self, name: str, value: float | int, labels: Mapping[str, str] | None = None) -> None:
        """Add a value to a histogram."""
        key = name, tuple((labels or {}).items())
        bounds = _bounds(name)
        with self._lock:
            self._buckets.setdefault(key, [0] * (len(bounds) + 1))[bisect_left(bounds, value)] += 1
            self._counters[f"{name}_sum", key[1]] += value

    def gauge(self, name: str, read: Callable[[], float | int]) -> None:
        """Show what `read` returns at the time of a request."""
        self._gauges[name] = read

    def value(self, name: str, labels: Mapping[str, str] | None = None) -> float:
        """Return a counter's value; 0 if it was never counted."""
        with self._lock:
            return self._counters.get((name, tuple((labels or {}).items())), 0.0)

    def text(self) -> str:
        """All numbers, as Prometheus reads them."""
        with self._lock:
            counters, buckets = dict(self._counters), {key: list(found) for key, found in self._buckets.items()}
        return "\n".join(self._lines(counters, buckets)) + "\n"

    def _lines(
        self, counters: Mapping[tuple[str, Labels], float], buckets: Mapping[tuple[str, Labels], list[int]]
    ) -> Iterator[str]:
        for name, (kind, explanation) in _HELP.items():
            yield f"# HELP {name} {explanation}"
            yield f"# TYPE {name} {kind}"
            if kind == "gauge" and name in self._gauges:
                yield f"{name} {self._gauges[name]():g}"
            if kind == "counter":
                found = {labels: value for (counter, labels), value in counters.items() if counter == name}
                for labels, value in found.items() or (((), 0.0),):
                    yield f"{name}{_braces(labels)} {value:g}"
            for (histogram, labels), counts in buckets.items():
                if histogram != name:
                    continue
                total = 0
                for bound, number in zip((*_bounds(name), float("inf")), counts, strict=True):
                    total += number
                    edge = "+Inf" if bound == float("inf") else f"{bound:g}"
                    yield f"{name}_bucket{_braces((*labels, ('le', edge)))} {total}"
                yield f"{name}_sum{_braces(labels)} {counters[f'{name}_sum', labels]:.9g}"
                yield f"{name}_count{_braces(labels)} {total}"


def _bounds(name: str) -> tuple[float, ...]:
    return BATCH_BOUNDS if name == "atrous_batch_images" else BOUNDS


def _braces(labels: Labels) -> str:
    escaped = ((key, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for key, value in labels)
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped) + "}" if labels else ""
