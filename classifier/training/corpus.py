"""The labelled posts: reading them, and dividing them so that one idea is never on both sides."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, cast, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier.errors import CorpusError
from classifier.verdict import LABELS, EvidenceKind, Label
from ingest.post import Post

CORPUS = Path(__file__).parent.parent / "corpus"
Split = Literal["train", "calibrate", "test"]

_SAME_IDEAS = {"ti": "am", "so": "am", "pt": "ha"}
"""Languages whose groups of the same number tell the same idea."""

_MARK = re.compile(r"\[\[(\w+):([^\[\]]*)\]\]")


class Span(msgspec.Struct, frozen=True):
    """Marked words: kind, field, and where in code points of that field."""

    kind: EvidenceKind
    field: str
    start: int
    end: int


class CorpusLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of a corpus file. `text` and `media_text` carry the evidence as `[[kind:words]]`."""

    id: str
    label: Label
    kind: str
    group: str
    lang: str
    text: str
    media_text: list[str] = []
    variety: Annotated[str, msgspec.Meta(description="Dialect or script, where it is not the usual one.")] = ""


class LabelledPost(msgspec.Struct, frozen=True):
    """A post of the corpus without its markup, and what was marked."""

    post: Post
    label: Label
    kind: str
    group: str
    variety: str
    spans: tuple[Span, ...]

    @property
    def language(self) -> str:
        """The language it was written in."""
        return self.post.lang or "und"


def load_corpus(directory: Path = CORPUS) -> list[LabelledPost]:
    """Read every `*.jsonl` of `directory`.

    Raises:
        CorpusError: naming file and line of the first post that cannot be read.
    """
    files = sorted(directory.glob("*.jsonl"))
    if not files:
        raise CorpusError(f"{directory}: no *.jsonl there")
    return [post for file in files for post in _load_file(file)]


def _load_file(file: Path) -> Iterator[LabelledPost]:
    decoder = msgspec.json.Decoder(CorpusLine)
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            yield parse(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, CorpusError) as error:
            raise CorpusError(f"{file}:{number}: {error}") from error


def parse(line: CorpusLine) -> LabelledPost:
    """Take the markup out of a line of the corpus.

    Raises:
        CorpusError: if the markup is broken or names an unknown kind.
    """
    text, spans = strip_markup(line.text, "text")
    media = []
    for i, marked in enumerate(line.media_text):
        plain, more = strip_markup(marked, f"media_text/{i}")
        media.append(plain)
        spans += more
    post = Post(id=f"corpus:{line.id}", text=text, lang=line.lang, media_text=media or None)
    return LabelledPost(post, line.label, line.kind, line.group, line.variety, tuple(spans))


def strip_markup(marked: str, field: str) -> tuple[str, list[Span]]:
    """Return the text without its marks, and the spans that they marked.

    Raises:
        CorpusError: if a mark is broken or names an unknown kind.
    """
    parts: list[str] = []
    spans: list[Span] = []
    length = at = 0
    for mark in _MARK.finditer(marked):
        before, (kind, words) = marked[at : mark.start()], mark.groups()
        if kind not in get_args(EvidenceKind):
            raise CorpusError(f"unknown kind of evidence {kind!r}")
        if not words.strip():
            raise CorpusError("an empty mark")
        length += len(before)
        spans.append(Span(cast(EvidenceKind, kind), field, length, length + len(words)))
        parts += (before, words)
        length += len(words)
        at = mark.end()
    parts.append(marked[at:])
    plain = "".join(parts)
    if "[[" in plain or "]]" in plain:
        raise CorpusError("a mark is not closed, or one lies inside another")
    return plain, spans


def labels_of(posts: Sequence[LabelledPost]) -> NDArray[np.int8]:
    """Return the posts' labels as indexes into `LABELS`, shape [posts]."""
    return np.array([LABELS.index(post.label) for post in posts], np.int8)


def split_of(post: LabelledPost, salt: str = "") -> Split:
    """Say on which side a post stands: 70 % train, 12 % calibrate, 18 % test, by the hash of its group.

    Groups belong to one language, so the language is part of what is hashed; where authors of several languages wrote
    on the same ideas, one language stands for all of them.
    """
    language = _SAME_IDEAS.get(post.language, post.language)
    digest = hashlib.sha256(f"{salt}{language}/{post.group}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    if share < 0.70:
        return "train"
    return "calibrate" if share < 0.82 else "test"


def select(posts: Iterable[LabelledPost], *splits: Split) -> list[LabelledPost]:
    """Return the posts of `splits`."""
    return [post for post in posts if split_of(post) in splits]
