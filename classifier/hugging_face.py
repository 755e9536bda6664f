"""Any Hugging Face sequence classifier as the last tier, run by transformers, on a GPU where there is one.

Screen, languages and gates are those of the shipped model. The classifier's `id2label` must name both of our labels.
Thresholds are those of its `config.json`, under `falsepassage`, or else `DEFAULT_THRESHOLD` for both labels
(`falsepassage calibrate` knows our own layout only, so set them by hand). It has no tags, so evidence is what can be
told by its form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier import artefact
from classifier.artefact import Thresholds
from classifier.cascade import SHIPPED_MODEL, Cascade, Identity, OperatingPoint, assemble, full_text
from classifier.clean import clean
from classifier.errors import ModelError
from classifier.reasons import find_by_form
from classifier.verdict import POSITIVE_LABELS, Evidence
from ingest.post import Post

DEFAULT_THRESHOLD = 0.9
BATCH = 32
MAX_TOKENS = 512
CONFIG_KEY = "falsepassage"


@dataclass(frozen=True, slots=True)
class SequenceReading:
    """Implements `classifier.cascade.Reading`; `scores` are probabilities, shape [posts, 2]."""

    scores: NDArray[np.float64]
    posts: Sequence[Post]

    def probabilities(self) -> NDArray[np.float64]:
        """Probabilities of both labels, shape [posts, 2]."""
        return self.scores

    def evidence(self, i: int) -> list[Evidence]:
        """Return contacts and prices of post i."""
        return find_by_form(self.posts[i])


class SequenceClassifier:
    """Implements `classifier.cascade.Reader` with a model of transformers.

    Kernels choose the order of a sum by the shape of a batch, so a post's probability moves in the seventh digit with
    its batch mates; it is rounded to `DIGITS`, which hides that for all but the rare score on the edge between two.
    """

    DIGITS = 4

    def __init__(self, model: Any, tokenizer: Any, columns: Sequence[int], device: str) -> None:
        self._model, self._tokenizer, self._columns, self._device = model, tokenizer, list(columns), device

    def read(self, posts: Sequence[Post]) -> SequenceReading:
        """Read `posts`, the beginning of each: `MAX_TOKENS` tokens."""
        import torch

        texts = [clean(full_text(post)).text for post in posts]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        scores = np.zeros((len(posts), len(POSITIVE_LABELS)))
        multi = self._model.config.problem_type == "multi_label_classification"
        for at in range(0, len(order), BATCH):
            rows = order[at : at + BATCH]
            inputs = self._tokenizer(
                [texts[i] for i in rows], padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
            ).to(self._device)
            with torch.inference_mode():
                logits = self._model(**inputs).logits.float()
            found = logits.sigmoid() if multi else logits.softmax(-1)
            scores[rows] = found[:, self._columns].cpu().numpy()
        return SequenceReading(np.round(scores, self.DIGITS), posts)


def load_sequence_classifier(name: str, operating_point: OperatingPoint) -> Cascade:
    """Load a sequence classifier by directory or by its name on the hub, behind the shipped screen.

    Raises:
        ModelError: if it cannot be had, its labels are not ours, or the extra `gpu` is not installed.
    """
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise ModelError(
            f"{name}: a Hugging Face model needs {error.name}; install it: pip install 'falsepassage[gpu]'"
        ) from error
    try:
        model: Any = AutoModelForSequenceClassification.from_pretrained(name)
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise ModelError(f"{name}: cannot be loaded as a sequence classifier: {error}") from error
    labels = {str(label): int(i) for i, label in model.config.id2label.items()}
    missing = [label for label in POSITIVE_LABELS if label not in labels]
    if missing:
        raise ModelError(f"{name}: its id2label lacks {', '.join(missing)}; it has {', '.join(labels)}")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    reader = SequenceClassifier(
        model.eval().to(device), tokenizer, [labels[label] for label in POSITIVE_LABELS], device
    )
    shipped = artefact.read_config(SHIPPED_MODEL)
    artefact.verify(SHIPPED_MODEL)
    config = msgspec.structs.replace(shipped, thresholds=_thresholds(name, model.config))
    version = f"{Path(name).name}@{getattr(model.config, '_commit_hash', None) or 'local'}"
    return assemble(SHIPPED_MODEL, config, Identity(version, _fingerprint(model)), reader, operating_point)


def _thresholds(name: str, config: Any) -> dict[str, Thresholds]:
    own = (getattr(config, CONFIG_KEY, None) or {}).get("thresholds", {})
    try:
        found = msgspec.convert(own, dict[str, Thresholds])
    except msgspec.ValidationError as error:
        raise ModelError(f"{name}: {CONFIG_KEY}.thresholds in its config.json: {error}") from error
    return {label: found.get(label, Thresholds(DEFAULT_THRESHOLD)) for label in POSITIVE_LABELS}


def _fingerprint(model: Any) -> str:
    """Return a SHA-256 over the weights, which stands for the model as the sum of its files does for ours."""
    digest = hashlib.sha256()
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(tensor.float().cpu().numpy()).tobytes())
    return digest.hexdigest()
