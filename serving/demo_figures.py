"""The figures of the demo: read from the worker's `/metrics`, and checked against each other and against the topics."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

WINDOW_S = 10.0

_SUMS = {
    "falsepassage_posts_consumed_total": "consumed",
    "falsepassage_posts_scored_total": "scored",
    "falsepassage_posts_skipped_total": "skipped",
    "falsepassage_dead_letters_total": "dead_lettered",
    "falsepassage_posts_flagged_total": "flagged",
    "falsepassage_posts_withdrawn_total": "withdrawn",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a worker has counted so far."""

    consumed: int = 0
    scored: int = 0
    skipped: int = 0
    dead_lettered: int = 0
    flagged: int = 0
    withdrawn: int = 0
    lag: int | None = None
    """Records not yet committed; None while the worker does not know."""
    latency: tuple[tuple[float, float], ...] = ()
    """Upper bound in seconds and cumulative count of each bucket."""

    @classmethod
    def from_metrics(cls, text: str) -> Self:
        """Read the text of `/metrics`; what is not there counts as 0."""
        sums = dict.fromkeys(_SUMS.values(), 0)
        lags: list[float] = []
        latency: list[tuple[float, float]] = []
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in _SUMS:
                    sums[_SUMS[sample.name]] += int(sample.value)
                elif sample.name == "falsepassage_consumer_lag_posts":
                    lags.append(sample.value)
                elif sample.name == "falsepassage_post_latency_seconds_bucket":
                    latency.append((float(sample.labels["le"]), sample.value))
        return cls(**sums, lag=int(sum(lags)) if lags else None, latency=tuple(sorted(latency)))


def quantile(later: Figures, earlier: Figures, share: float) -> float | None:
    """Latency in seconds that `share` of the posts between two scrapes stayed within; None if there were none.

    Interpolated inside a bucket, as Prometheus's `histogram_quantile` does.
    """
    before = dict(earlier.latency)
    buckets = [(bound, count - before.get(bound, 0.0)) for bound, count in later.latency]
    wanted = share * buckets[-1][1] if buckets else 0.0
    if not wanted:
        return None
    low = below = 0.0
    for bound, count in buckets:
        if count >= wanted:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return low


class Recent:
    """The scrapes of the last seconds: the pace of now, not that of the whole run."""

    def __init__(self) -> None:
        self._scrapes: deque[tuple[float, Figures]] = deque()

    def add(self, at: float, figures: Figures) -> None:
        """Note a scrape made at monotonic time `at`."""
        self._scrapes.append((at, figures))
        while len(self._scrapes) > 2 and at - self._scrapes[1][0] >= WINDOW_S:
            self._scrapes.popleft()

    @property
    def now(self) -> Figures:
        """The newest scrape."""
        return self._scrapes[-1][1] if self._scrapes else Figures()

    @property
    def posts_per_second(self) -> float:
        """Posts consumed a second."""
        if len(self._scrapes) < 2:
            return 0.0
        (began, first), (ended, last) = self._scrapes[0], self._scrapes[-1]
        return (last.consumed - first.consumed) / (ended - began)

    def latency(self, share: float) -> float | None:
        """Quantile of the latency, see `quantile`."""
        return quantile(self.now, self._scrapes[0][1], share) if self._scrapes else None


@dataclass(frozen=True, slots=True)
class Report:
    """How a run ended: what was sent, what the worker counted, and what is in the topics."""

    produced: int
    poison: int
    """Records sent that cannot be read."""
    figures: Figures
    flags_found: int
    withdrawals_found: int
    dead_letters_found: int
    seconds: float
    """From the first post sent to the last one committed."""
    worker_exit_code: int | None
    failures: Sequence[str] = field(default=())
    """What else went wrong, in sentences."""

    @property
    def posts_per_second(self) -> float:
        """Over the whole run."""
        return self.figures.consumed / self.seconds if self.seconds else 0.0

    @property
    def equation(self) -> str:
        """What must hold, with its numbers."""
        f = self.figures
        return (
            f"consumed = scored + skipped + dead-lettered: "
            f"{f.consumed:,} = {f.scored:,} + {f.skipped:,} + {f.dead_lettered:,}"
        )

    def problems(self) -> list[str]:
        """What does not hold, in sentences; empty if all is well."""
        f = self.figures
        expected = (
            (f.consumed, f.scored + f.skipped + f.dead_lettered, "consumed", "scored, skipped or dead-lettered"),
            (self.produced, f.consumed, "produced", "consumed"),
            (self.poison, f.dead_lettered, "produced that cannot be read", "dead-lettered"),
            (f.flagged, self.flags_found, "flagged", "found on the review topic"),
            (f.withdrawn, self.withdrawals_found, "passed on as deletions", "found on the review topic"),
            (f.dead_lettered, self.dead_letters_found, "dead-lettered", "found on the dead-letters topic"),
        )
        found = [f"{a:,} records were {what} but {b:,} {where}." for a, b, what, where in expected if a != b]
        if self.worker_exit_code is None:
            found.append("The worker did not end when it was told to.")
        elif self.worker_exit_code:
            found.append(f"The worker ended with exit code {self.worker_exit_code}.")
        return [*found, *self.failures]
