"""The classifier as it is served: language, screen, encoder and policy, for a whole batch at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from classifier import artefact
from classifier.artefact import ModelConfig, Thresholds
from classifier.encoder import Encoder
from classifier.errors import ModelError
from classifier.language import LanguageDetector
from classifier.policy import Policy
from classifier.reasons import explain_by_evidence, explain_by_words
from classifier.screen import Screen
from classifier.verdict import LABELS, NONE, STAGES, Evidence, Verdicts
from ingest.post import Post

READ_CHARS = 100_000
"""No platform has longer posts; beyond half a million characters the screen's exact sums would overflow."""
SHIPPED_MODEL = Path(__file__).parent / "model"

OperatingPoint = Literal["all", "balanced", "firehose"]
DEFAULT_OPERATING_POINT: OperatingPoint = "balanced"
_SCREEN, _ENCODER = STAGES.index("screen"), STAGES.index("encoder")


class Reading(Protocol):
    """What a reader made of a batch of posts."""

    def probabilities(self) -> NDArray[np.float64]:
        """Calibrated probabilities of both labels, shape [posts, 2]."""

    def evidence(self, i: int) -> list[Evidence]:
        """Return the words that gave post i away."""


class Reader(Protocol):
    """The last tier: reads the posts that the screen lets pass."""

    def read(self, posts: Sequence[Post]) -> Reading:
        """Read `posts`; what is said of one does not depend on the others."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model is called, and the sum over its files."""

    version: str
    sha256: str


def load_classifier(
    directory: Path = SHIPPED_MODEL,
    operating_point: OperatingPoint = DEFAULT_OPERATING_POINT,
    threads: int = 0,
) -> Cascade:
    """Load the model in `directory`, after checking each of its files.

    Args:
        threads: for the encoder; 0 takes as many as there are cores.

    Raises:
        ModelError: naming the file that is missing, altered or of another version.
    """
    sha256 = artefact.verify(directory)
    config = artefact.read_config(directory)
    reader = Encoder.load(directory, config.encoder, threads) if config.encoder else None
    return assemble(directory, config, Identity(config.version, sha256), reader, operating_point)


def assemble(
    directory: Path, config: ModelConfig, identity: Identity, reader: Reader | None, operating_point: OperatingPoint
) -> Cascade:
    """Put the tiers together: screen and languages of `directory`, and `reader` behind them.

    Raises:
        ModelError: if the operating point is none, or a file is not as the config says.
    """
    if operating_point not in get_args(OperatingPoint):
        known = ", ".join(get_args(OperatingPoint))
        raise ModelError(f"{operating_point!r} is not an operating point; they are {known}")
    detector = LanguageDetector.load(directory, config.language)
    return Cascade(
        screen=Screen.load(directory, config.screen),
        detector=detector,
        policy=Policy(config.thresholds, detector.names),
        identity=identity,
        reader=reader,
        gate=config.screen.gates.get(operating_point, Thresholds(0.0)),
    )


def full_text(post: Post) -> str:
    """All that can be read in a post: what its author wrote, then what was read in its pictures, up to `READ_CHARS`."""
    text = post.text or ""
    if post.media_text:
        text = "\n".join([text, *post.media_text])
    return text[:READ_CHARS]


class Cascade:
    """Implements `classifier.verdict.Classifier`.

    Args:
        reader: judges the posts that the screen lets pass; without one the screen judges them all.
        gate: the screen's probability, of either label, from which on a post goes to the reader; 0 is for all posts.
    """

    def __init__(
        self,
        screen: Screen,
        detector: LanguageDetector,
        policy: Policy,
        identity: Identity,
        reader: Reader | None = None,
        gate: Thresholds = Thresholds(0.0),  # noqa: B008  # frozen
    ) -> None:
        self.version = identity.version
        self.sha256 = identity.sha256
        self._screen = screen
        self._detector = detector
        self._policy = policy
        self._reader = reader
        self._gates = np.array([gate.of(name) for name in detector.names])

    def classify(self, posts: Sequence[Post]) -> Verdicts:
        """Judge `posts`; a post's verdict does not depend on the others."""
        languages, scores, _ = self.languages_and_screen(posts)
        stages = np.full(len(posts), _SCREEN, np.int8)
        reading, passed, seconds = None, np.zeros(0, np.int64), 0.0
        if self._reader is not None:
            passed = np.flatnonzero(self._reach_gate(languages, scores))
            began = time.perf_counter()
            if passed.size:
                reading = self._reader.read([posts[i] for i in passed.tolist()])
                scores[passed] = reading.probabilities()
                stages[passed] = _ENCODER
            seconds = time.perf_counter() - began
        labels, thresholds = self._policy.decide(scores, languages)
        if self._reader is not None:
            held = stages == _SCREEN
            labels[held] = NONE
            # What the screen holds back is not flagged, whatever number the screen gives it.
            scores[held] = np.minimum(scores[held], np.nextafter(thresholds[held], 0)[:, None])
        places = {i: place for place, i in enumerate(passed.tolist())}
        details = {}
        for i in np.flatnonzero(labels != NONE).tolist():
            evidence = reading.evidence(places[i]) if reading is not None else []
            details[i] = self._explain(posts[i], int(labels[i]), scores[i], float(thresholds[i]), evidence)
        return Verdicts(
            labels=labels,
            scores=scores,
            thresholds=thresholds,
            languages=languages,
            language_names=self._detector.names,
            stages=stages,
            details=details,
            model_version=self.version,
            encode_seconds=seconds,
        )

    def languages_and_screen(self, posts: Sequence[Post]) -> tuple[NDArray[np.int8], NDArray[np.float64], list[str]]:
        """Return languages [posts], the screen's probabilities [posts, 2] and the languages' names: what gates see."""
        texts = [full_text(post) for post in posts]
        languages = self._detector.detect(texts, [post.lang for post in posts])
        return languages, self._screen.probabilities(self._screen.score(texts)), self._detector.names

    def passes(self, posts: Sequence[Post]) -> NDArray[np.bool_]:
        """Say which posts the screen lets pass to the reader, shape [posts]."""
        languages, scores, _ = self.languages_and_screen(posts)
        return self._reach_gate(languages, scores)

    def _reach_gate(self, languages: NDArray[np.int8], scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        return np.asarray(scores.max(axis=1, initial=0.0) >= self._gates[languages], bool)

    def _explain(
        self, post: Post, label: int, scores: NDArray[np.float64], threshold: float, evidence: list[Evidence]
    ) -> tuple[list[Evidence], str]:
        name, score = LABELS[label], float(scores[label])
        if evidence:
            return explain_by_evidence(evidence, name, score, threshold)
        return explain_by_words(self._screen, post, name, score, threshold)
