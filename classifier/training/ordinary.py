"""Ordinary posts: what a stream is almost entirely made of, read from a file of JSON lines."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from classifier.errors import TrainingError
from ingest.post import Post

_LANGUAGE_NAMES = {"arq": "ar", "ary": "ar", "twi": "ak"}
"""Data sets that name a dialect, and the tag we count it under."""


class OrdinaryPost(msgspec.Struct, frozen=True):
    """A line of a file of ordinary posts; other fields are ignored."""

    text: str
    lang: str = "und"
    split: str = "train"


def read_ordinary(path: Path, split: str) -> Iterator[OrdinaryPost]:
    """Yield the posts of a JSON-lines file, plain or gzip, that belong to `split`; those that say nothing are `train`.

    Raises:
        TrainingError: naming the line that is not one.
    """
    return (post for post in read_all(path) if post.split == split)


def read_all(path: Path) -> Iterator[OrdinaryPost]:
    """Yield the posts of a JSON-lines file, plain or gzip.

    Raises:
        TrainingError: naming the line that is not one.
    """
    decoder = msgspec.json.Decoder(OrdinaryPost)
    if not path.is_file():
        raise TrainingError(f"{path}: there is no such file")
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise TrainingError(
                    f"{path}:{number}: {error}; wanted are lines like {{'text': …, 'lang': …}}"
                ) from error


def read_own(corpus: Path) -> Iterator[OrdinaryPost]:
    """Yield the ordinary posts of our own that belong to a corpus: `ordinary/*.jsonl` in its directory, if there."""
    for file in sorted((corpus / "ordinary").glob("*.jsonl")):
        yield from read_all(file)


def language_name(name: str) -> str:
    """Return the tag that a data set's language is counted under."""
    return _LANGUAGE_NAMES.get(name, name)


def as_posts(ordinary: Sequence[OrdinaryPost]) -> list[Post]:
    """Return the posts as the classifier takes them; the language is for it to find out."""
    return [Post(id=f"ordinary:{i}", text=post.text) for i, post in enumerate(ordinary)]
