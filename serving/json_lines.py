"""`falsepassage classify` and `produce`: JSON lines in, in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

from classifier.verdict import Classifier
from ingest.errors import DecodeError
from ingest.formats import own
from ingest.formats.strict_json import MAX_BYTES
from ingest.post import Post

BATCH_LINES = 2_000


def read_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of `file`, none held longer than a post may be: the rest of a longer one is cut off."""
    while line := file.readline(MAX_BYTES + 2):
        whole = line.endswith(b"\n")
        yield line.rstrip(b"\r\n")
        while not whole and len(line) > MAX_BYTES:
            line = file.readline(MAX_BYTES + 2)
            whole = line.endswith(b"\n") or not line


def classify_lines(lines: Iterable[bytes], classifier: Classifier, out: IO[bytes]) -> int:
    """Write one answer a line, in order; a blank line has none.

    Returns:
        How many lines could not be read.
    """
    encoder = msgspec.json.Encoder()
    unreadable = 0
    for batch in _batched(enumerate(lines, 1)):
        posts: list[Post] = []
        failures: list[tuple[int, DecodeError] | None] = []
        for number, line in batch:
            if not line.strip():
                continue
            try:
                posts.append(own.decode(line))
                failures.append(None)
            except DecodeError as error:
                failures.append((number, error))
        judged = zip(posts, classifier.classify(posts), strict=True)
        for failure in failures:
            if failure is None:
                post, verdict = next(judged)
                out.write(encoder.encode({"id": post.id, "verdict": verdict}) + b"\n")
            else:
                unreadable += 1
                number, why = failure
                error_field = {"reason": why.reason, "message": why.message}
                out.write(encoder.encode({"line": number, "error": error_field}) + b"\n")
        out.flush()
    return unreadable


def _batched(numbered: Iterator[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    while batch := list(itertools.islice(numbered, BATCH_LINES)):
        yield batch
