"""The encoder as it is served: a transformer in whole numbers that judges a post and points at the words.

It runs on onnxruntime and tokenizers alone. A post's result does not depend on the posts beside it: each window is
padded to a length that follows from its own, and the scales of the quantised layers are constants of the model.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from classifier.artefact import EncoderConfig, probabilities, read_file
from classifier.encoder_input import Token, TokenisedPost, special_tokens, tokenise, window_ids, windows
from classifier.errors import ModelError
from classifier.verdict import POSITIVE_LABELS, Evidence, EvidenceKind
from ingest.post import Post

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

BUCKETS = (8, 16, 24, 32, 48, 64, 96, 128)
"""Lengths, in tokens, that windows are padded to."""
BATCH = 32
_WORD_CHARACTER = re.compile(r"\w")
_RAGGED = " \n\t.,;:!?…،؛؟。·•|-–—*_\"'«»“”()[]"
"""What no evidence begins or ends with."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """The tokens `start` to `end` of post number `post`, padded to `length` with the two that open and close them."""

    post: int
    start: int
    end: int
    length: int


@dataclass(frozen=True, slots=True)
class EncoderReading:
    """What the encoder made of n posts.

    Shapes: `logits` [n, 2] by `POSITIVE_LABELS`; `tags`, for each post, [tokens, 9].
    """

    logits: NDArray[np.float64]
    tags: Sequence[Floats]
    posts: Sequence[TokenisedPost]
    config: EncoderConfig

    def __len__(self) -> int:
        return len(self.posts)

    def probabilities(self) -> NDArray[np.float64]:
        """Calibrated probabilities of both labels, shape [n, 2]."""
        return probabilities(self.logits, self.config.calibrations)

    def evidence(self, i: int) -> list[Evidence]:
        """Return the words that gave post i away."""
        return find_evidence(self.posts[i], self.tags[i], self.config.tags, self.config.tag_threshold)


class Encoder:
    """Reads posts with a model of `classifier.training.encoder_export`."""

    def __init__(self, session: InferenceSession, tokenizer: Tokenizer, config: EncoderConfig) -> None:
        self.config = config
        self._session = session
        self._tokenizer = tokenizer
        self._special = special_tokens(tokenizer)

    @classmethod
    def load(cls, directory: Path, config: EncoderConfig, threads: int = 0) -> Encoder:
        """Load the model that `config` names, to run on `threads` threads (0: as many as there are cores for it).

        Raises:
            ModelError: naming the file that is missing or damaged, or the library that is not installed.
        """
        # Rust would start its own threads beside those of onnxruntime, and warn when the process forks.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ModelError(f"the encoder needs {error.name}, which is not installed") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        weights, tokenizer = (read_file(directory, name) for name in (config.weights, config.tokenizer))
        try:
            session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own errors have no common base
            raise ModelError(f"{directory / config.weights}: not a model that can be run: {error}") from error
        try:
            loaded = Tokenizer.from_buffer(tokenizer)
        except Exception as error:  # tokenizers raises bare Exception
            raise ModelError(f"{directory / config.tokenizer}: not a tokenizer: {error}") from error
        return cls(session, loaded, config)

    def read(self, posts: Sequence[Post]) -> EncoderReading:
        """Read `posts`; of a long one, a label's logit is the highest of all windows."""
        tokenised = tokenise(self._tokenizer, posts)
        logits = np.full((len(posts), len(POSITIVE_LABELS)), -np.inf)
        tags = [np.zeros((len(post.tokens), len(self.config.tags)), np.float32) for post in tokenised]
        depths = [np.full(len(post.tokens), -1) for post in tokenised]
        for batch in _batches(tokenised):
            label_logits, tag_logits = self._run(batch, tokenised)
            for row, window in enumerate(batch):
                logits[window.post] = np.maximum(logits[window.post], label_logits[row])
                # Where windows overlap, the one that sees more on both sides of a token has its say.
                size = window.end - window.start
                depth = np.minimum(np.arange(size), np.arange(size)[::-1])
                part = slice(window.start, window.end)
                better = depth > depths[window.post][part]
                tags[window.post][part][better] = tag_logits[row, 1 : size + 1][better]
                depths[window.post][part][better] = depth[better]
        return EncoderReading(logits, tags, tokenised, self.config)

    def _run(self, batch: Sequence[Window], posts: Sequence[TokenisedPost]) -> tuple[Floats, Floats]:
        ids = np.full((len(batch), batch[0].length), self._special.pad, np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(batch):
            inside = window_ids(posts[window.post], window.start, window.end, self._special)
            ids[row, : len(inside)] = inside
            mask[row, : len(inside)] = 1
        labels, tags = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return cast(Floats, labels), cast(Floats, tags)


def padded_length(tokens: int) -> int:
    """Return the length that a window of so many tokens, those at its ends included, is padded to."""
    return next(bucket for bucket in BUCKETS if bucket >= tokens)


def _batches(posts: Sequence[TokenisedPost]) -> Iterator[list[Window]]:
    """Divide all windows into batches, those of one padded length together."""
    buckets: dict[int, list[Window]] = defaultdict(list)
    for i, post in enumerate(posts):
        for start, end in windows(len(post.tokens)):
            length = padded_length(end - start + 2)
            buckets[length].append(Window(i, start, end, length))
    for length in sorted(buckets):
        found = buckets[length]
        yield from (found[at : at + BATCH] for at in range(0, len(found), BATCH))


# Evidence -----------------------------------------------------------------------------------------------------------


def find_evidence(post: TokenisedPost, logits: Floats, tags: Sequence[str], threshold: float) -> list[Evidence]:
    """Join neighbouring tokens of one kind to spans, widen them to whole words, and lead them back to the post.

    Where no token reaches the threshold the likeliest one does, so that no flag is without a reason to look at.
    """
    if not post.tokens:
        return []
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    kinds = probabilities[:, 1:].argmax(axis=1) + 1
    kinds[1 - probabilities[:, 0] < threshold] = 0
    if not kinds.any():
        # The label was given, so something gave the post away: the one token that comes nearest to being evidence.
        nearest = int(
            np.argmin([p if t.end > t.start else 2.0 for p, t in zip(probabilities[:, 0], post.tokens, strict=True)])
        )
        kinds[nearest] = probabilities[nearest, 1:].argmax() + 1
    found = []
    for kind, field, start, end in _without_overlap(_runs(post.tokens, kinds.tolist()), post):
        first, last = post.cleaned[field].span(start, end)
        words = post.originals[field][first:last]
        found.append(
            Evidence(kind=cast(EvidenceKind, tags[kind]), field=post.fields[field], start=first, end=last, text=words)
        )
    return found


def _runs(tokens: Sequence[Token], kinds: Sequence[int]) -> Iterator[tuple[int, int, int, int]]:
    """Yield kind, field, start and end, in the cleaned text, of runs of tokens of one kind; empty tokens join them."""
    run: tuple[int, int, int, int] | None = None
    for token, kind in zip(tokens, kinds, strict=True):
        if token.start == token.end:
            continue
        if run and (kind, token.field) == run[:2]:
            run = (*run[:3], token.end)
            continue
        if run:
            yield run
        run = (kind, token.field, token.start, token.end) if kind else None
    if run:
        yield run


def _without_overlap(
    runs: Iterator[tuple[int, int, int, int]], post: TokenisedPost
) -> Iterator[tuple[int, int, int, int]]:
    """Widen each run to whole words; a word that two runs share goes to the first."""
    last_field, last_end = -1, 0
    for kind, field, start, end in runs:
        text = post.cleaned[field].text
        start, end = whole_words(text, start, end)
        if field == last_field:
            start = max(start, last_end)
        start, end = _tidy(text, start, end)
        if end > start:
            last_field, last_end = field, end
            yield kind, field, start, end


def whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen `start:end` so that it cuts no word of `text`."""
    while start > 0 and all(map(_WORD_CHARACTER.match, text[start - 1 : start + 1])):
        start -= 1
    while end < len(text) and all(map(_WORD_CHARACTER.match, text[end - 1 : end + 1])):
        end += 1
    return start, end


def _tidy(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in _RAGGED:
        start += 1
    while start < end and text[end - 1] in _RAGGED:
        end -= 1
    return start, end
