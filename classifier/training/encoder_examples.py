"""Posts as the encoder learns from them: varied, disguised, cut into windows and gathered into batches."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier.artefact import TAGS
from classifier.encoder_input import TokenisedPost, special_tokens, tokenise, window_ids, windows
from classifier.training.corpus import LabelledPost, Span
from classifier.training.disguise import apply, disguise, disguise_post, drop_masks, vary_contacts
from classifier.verdict import POSITIVE_LABELS
from ingest.post import Post

if TYPE_CHECKING:
    from tokenizers import Tokenizer

IGNORED = -100
"""The tag of a token that has none to learn: torch's `ignore_index`."""
ORDINARY = "ordinary"


@dataclass(frozen=True, slots=True)
class Chances:
    """How often a post is varied when it is drawn for training."""

    disguised: float = 0.3
    varied_contacts: float = 0.6
    in_picture: float = 0.06
    surrounded: float = 0.08


@dataclass(frozen=True, slots=True)
class Example:
    """A window of a post as numbers: ids and tags of its tokens, the post's labels, its kind and its number."""

    ids: list[int]
    tags: list[int]
    labels: tuple[float, float]
    kind: int
    post: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples of about the same length.

    Shapes: `ids`, `mask`, `tags` [examples, tokens]; `labels` [examples, 2]; `kinds` and `posts` [examples].
    """

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    tags: NDArray[np.int64]
    labels: NDArray[np.float32]
    kinds: NDArray[np.int64]
    posts: NDArray[np.int64]


def ordinary_as_labelled(text: str, language: str, rng: random.Random) -> LabelledPost:
    """Make a harmless labelled post of an ordinary one, its masks dropped or varied."""
    for edits in (drop_masks, vary_contacts):
        text, _ = apply(text, (), edits(text, rng))
    return LabelledPost(Post(id=ORDINARY, text=text, lang=language), "none", ORDINARY, "", "", ())


def augment(post: LabelledPost, chances: Chances, rng: random.Random, surroundings: Sequence[str] = ()) -> LabelledPost:
    """Vary a post's contacts, disguise it, set it among harmless words or in a picture, each by chance."""
    if rng.random() < chances.varied_contacts:
        post = disguise_post(post, vary_contacts, rng)
    if surroundings and rng.random() < chances.surrounded:
        post = surround(post, rng.choice(surroundings), rng)
    if rng.random() < chances.disguised:
        post = disguise(post, rng)
    if rng.random() < chances.in_picture:
        post = into_picture(post)
    return post


def surround(post: LabelledPost, other: str, rng: random.Random) -> LabelledPost:
    """Put harmless words before or behind the post's own."""
    text = post.post.text or ""
    if rng.random() < 0.5:
        shift = 0
        joined = f"{text}\n{other}"
    else:
        shift = len(other) + 1
        joined = f"{other}\n{text}"
    spans = tuple(
        Span(span.kind, span.field, span.start + shift, span.end + shift) if span.field == "text" else span
        for span in post.spans
    )
    return msgspec.structs.replace(post, post=msgspec.structs.replace(post.post, text=joined), spans=spans)


def into_picture(post: LabelledPost) -> LabelledPost:
    """Move the text of a post that has no picture into one."""
    if post.post.media_text or not post.post.text:
        return post
    moved = msgspec.structs.replace(post.post, text="", media_text=[post.post.text])
    spans = tuple(Span(span.kind, "media_text/0", span.start, span.end) for span in post.spans)
    return msgspec.structs.replace(post, post=moved, spans=spans)


def examples_of(tokenizer: Tokenizer, posts: Sequence[LabelledPost], kinds: Sequence[str] = ()) -> list[Example]:
    """Turn posts into examples; a long positive post is read by the windows that have evidence in them."""
    found = []
    special = special_tokens(tokenizer)
    number = {kind: i for i, kind in enumerate(kinds)}
    for i, (post, tokenised) in enumerate(zip(posts, tokenise(tokenizer, [post.post for post in posts]), strict=True)):
        tags = tags_of(post, tokenised)
        labels = (float(post.label == POSITIVE_LABELS[0]), float(post.label == POSITIVE_LABELS[1]))
        for start, end in windows(len(tokenised.tokens)):
            inside = tags[start:end]
            if start and any(labels) and not any(inside):
                continue  # nothing in it says what the post is
            ids = window_ids(tokenised, start, end, special)
            learnt = [IGNORED, *(inside if any(labels) else [IGNORED] * len(inside)), IGNORED]
            found.append(Example(ids, learnt, labels, number.get(post.kind, IGNORED), i))
    return found


def tags_of(post: LabelledPost, tokenised: TokenisedPost) -> list[int]:
    """Return the tag of each token: that of the evidence it overlaps."""
    marked: list[list[int]] = [[0] * len(cleaned.text) for cleaned in tokenised.cleaned]
    for span in post.spans:
        field = tokenised.fields.index(span.field)
        start, end = tokenised.cleaned[field].locate(span.start, span.end)
        marked[field][start:end] = [TAGS.index(span.kind)] * (end - start)
    return [max(marked[token.field][token.start : token.end], default=0) for token in tokenised.tokens]


def batches(examples: Sequence[Example], size: int, pad: int, rng: random.Random) -> list[Batch]:
    """Divide examples into batches of about one length each, in random order."""
    shuffled = rng.sample(examples, len(examples))
    shuffled.sort(key=lambda example: len(example.ids) + rng.random() * 4)
    groups = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
    rng.shuffle(groups)
    return [collate(group, pad) for group in groups]


def collate(group: Sequence[Example], pad: int) -> Batch:
    """Pad examples to the length of the longest."""
    width = max(len(example.ids) for example in group)
    ids = np.full((len(group), width), pad, np.int64)
    mask, tags = np.zeros_like(ids), np.full_like(ids, IGNORED)
    for row, example in enumerate(group):
        ids[row, : len(example.ids)] = example.ids
        mask[row, : len(example.ids)] = 1
        tags[row, : len(example.tags)] = example.tags
    return Batch(
        ids,
        mask,
        tags,
        np.array([example.labels for example in group], np.float32),
        np.array([example.kind for example in group], np.int64),
        np.array([example.post for example in group], np.int64),
    )
