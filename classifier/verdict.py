"""What the classifier says of a post: the contract of the topics `review` and `audit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.post import Post

Label = Literal["smuggling_advert", "false_promise", "none"]
POSITIVE_LABELS: tuple[Label, Label] = ("smuggling_advert", "false_promise")
LABELS: tuple[Label, ...] = (*POSITIVE_LABELS, "none")
NONE = LABELS.index("none")

EvidenceKind = Literal["route", "price", "payment", "guarantee", "contact", "document", "transport", "benefit"]
Stage = Literal["screen", "encoder"]
STAGES: tuple[Stage, ...] = ("screen", "encoder")

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Words that gave a post away. `start` and `end` count code points of the field as it came."""

    kind: EvidenceKind
    field: Annotated[str, msgspec.Meta(description="`text`, or `media_text/0` and so on.")]
    start: Annotated[int, msgspec.Meta(ge=0)]
    end: Annotated[int, msgspec.Meta(ge=0)]
    text: str


class Scores(msgspec.Struct, frozen=True, gc=False):
    """Calibrated probability of each positive label."""

    smuggling_advert: Probability
    false_promise: Probability


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The classifier's judgement of one post; the same alone, in any batch and in any order."""

    label: Label
    scores: Scores
    threshold: Annotated[Probability, msgspec.Meta(description="The one that decided.")]
    flagged: Annotated[bool, msgspec.Meta(description="True only with a label other than `none`.")]
    language: Annotated[str, msgspec.Meta(description="The language as detected, `und` where it is not clear.")]
    evidence: list[Evidence]
    stage: Annotated[Stage, msgspec.Meta(description="Which stage of the cascade decided.")]
    model_version: str
    reason: Annotated[str, msgspec.Meta(description="Why, in plain words, for people.")] = ""


@dataclass(frozen=True, slots=True)
class Verdicts(Sequence[Verdict]):
    """The verdicts on a batch, kept as arrays: almost all of them say `none` and are only ever counted.

    Shapes, for n posts: `labels` [n], indexes into `LABELS`; `scores` [n, 2], in the order of `POSITIVE_LABELS`;
    `thresholds` [n]; `languages` [n], indexes into `language_names`; `stages` [n], indexes into `STAGES`. `details`
    holds evidence and reason of the flagged posts, by position;
    `encode_seconds` is what the encoder took for the batch.
    """

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    languages: NDArray[np.int8]
    language_names: Sequence[str]
    stages: NDArray[np.int8]
    details: dict[int, tuple[list[Evidence], str]]
    model_version: str
    encode_seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[Verdict]:
        return (self._verdict(i) for i in range(len(self)))

    def __getitem__(self, i: int) -> Verdict:  # type: ignore[override]  # a slice of verdicts is of no use to anyone
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        return self._verdict(i % len(self))

    def _verdict(self, i: int) -> Verdict:
        label = int(self.labels[i])
        evidence, reason = self.details.get(i, ([], ""))
        return Verdict(
            label=LABELS[label],
            scores=Scores(*(round(float(score), 6) for score in self.scores[i])),
            threshold=float(self.thresholds[i]),
            flagged=label != NONE,
            language=self.language_names[self.languages[i]],
            evidence=evidence,
            stage=STAGES[self.stages[i]],
            model_version=self.model_version,
            reason=reason,
        )

    def flagged(self) -> list[int]:
        """Positions of the flagged posts."""
        found: list[int] = np.flatnonzero(self.labels != NONE).tolist()
        return found

    def suspicion(self) -> NDArray[np.float64]:
        """The higher of each post's two scores, shape [n]."""
        highest: NDArray[np.float64] = self.scores.max(axis=1, initial=0.0)
        return highest

    def tally(self) -> dict[tuple[str, str, str], int]:
        """Count the posts by label, language and stage."""
        code = (self.labels.astype(np.int64) * len(self.language_names) + self.languages) * len(STAGES) + self.stages
        found, numbers = np.unique(code, return_counts=True)
        tally = {}
        for each, number in zip(found.tolist(), numbers.tolist(), strict=True):
            rest, stage = divmod(each, len(STAGES))
            label, language = divmod(rest, len(self.language_names))
            tally[LABELS[label], self.language_names[language], STAGES[stage]] = number
        return tally


class Classifier(Protocol):
    """Text in, verdict out."""

    @property
    def version(self) -> str:
        """The model's version, as verdicts carry it."""

    @property
    def sha256(self) -> str:
        """The sum over the model's files."""

    def classify(self, posts: Sequence[Post]) -> Verdicts:
        """Judge `posts`; never fails on any text."""
