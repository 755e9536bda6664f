"""The classifier as it is served: language, screen and policy, for a whole batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier import artefact
from classifier.language import LanguageDetector
from classifier.policy import Policy
from classifier.reasons import explain
from classifier.screen import Screen
from classifier.verdict import LABELS, POSITIVE_LABELS, STAGES, Verdicts
from ingest.post import Post

READ_CHARS = 100_000
"""No platform has longer posts; beyond half a million characters the screen's exact sums would overflow."""
SHIPPED_MODEL = Path(__file__).parent / "model"


def load_classifier(directory: Path = SHIPPED_MODEL) -> Cascade:
    """Load the model in `directory`, after checking each of its files.

    Raises:
        ModelError: naming the file that is missing, altered or of another version.
    """
    sha256 = artefact.verify(directory)
    config = artefact.read_config(directory)
    detector = LanguageDetector.load(directory, config.language)
    return Cascade(
        screen=Screen.load(directory, config.screen),
        detector=detector,
        policy=Policy(config.thresholds, detector.names),
        version=config.version,
        sha256=sha256,
    )


def full_text(post: Post) -> str:
    """All that can be read in a post: what its author wrote, then what was read in its pictures, up to `READ_CHARS`."""
    text = post.text or ""
    if post.media_text:
        text = "\n".join([text, *post.media_text])
    return text[:READ_CHARS]


class Cascade:
    """Implements `classifier.verdict.Classifier`."""

    def __init__(self, screen: Screen, detector: LanguageDetector, policy: Policy, version: str, sha256: str) -> None:
        self.version = version
        self.sha256 = sha256
        self._screen = screen
        self._detector = detector
        self._policy = policy

    def classify(self, posts: Sequence[Post]) -> Verdicts:
        """Judge `posts`; a post's verdict does not depend on the others."""
        texts = [full_text(post) for post in posts]
        languages = self._detector.detect(texts, [post.lang for post in posts])
        scores = self._screen.probabilities(self._screen.score(texts))
        labels, thresholds = self._policy.decide(scores, languages)
        details = {
            i: explain(self._screen, posts[i], LABELS[labels[i]], float(scores[i, labels[i]]), float(thresholds[i]))
            for i in np.flatnonzero(labels < len(POSITIVE_LABELS)).tolist()
        }
        return Verdicts(
            labels=labels,
            scores=scores,
            thresholds=thresholds,
            languages=languages,
            language_names=self._detector.names,
            stages=np.full(len(posts), STAGES.index("screen"), np.int8),
            details=details,
            model_version=self.version,
        )
