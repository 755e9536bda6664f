"""Posts as the encoder takes them: cleaned, cut into tokens, in windows of bounded length.

Training and serving share this, so that both see the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from classifier.clean import Cleaned, clean
from classifier.errors import ModelError
from ingest.post import Post

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENS = 128
"""Of a window, with the two tokens that open and close it."""
OVERLAP = 32
MAX_WINDOWS = 40
"""A post's beginning and end are read, however long it is; what lies beyond both is left to the screen."""
_LAST_WINDOWS = 10


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the words it stands for: `field` by number, `start` and `end` in the field's cleaned text."""

    id: int
    field: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TokenisedPost:
    """A post as tokens; `fields` are the names, `cleaned` and `originals` the texts of its fields."""

    fields: tuple[str, ...]
    originals: tuple[str, ...]
    cleaned: tuple[Cleaned, ...]
    tokens: tuple[Token, ...]


class Special(NamedTuple):
    """Ids of the tokens that open and close a text, and of the one that fills up a row."""

    opening: int
    closing: int
    pad: int


def special_tokens(tokenizer: Tokenizer) -> Special:
    """Find the special tokens, by the names that XLM-R and its kin or BERT and its kin give them.

    Raises:
        ModelError: if there are none.
    """
    for names in (("<s>", "</s>", "<pad>"), ("[CLS]", "[SEP]", "[PAD]")):
        ids = [i for i in map(tokenizer.token_to_id, names) if i is not None]
        if len(ids) == len(names):
            return Special(*ids)
    raise ModelError("the tokenizer has neither <s>, </s> and <pad> nor [CLS], [SEP] and [PAD]")


def fields_of(post: Post) -> list[tuple[str, str]]:
    """Return the fields that can be read, by the names that evidence gives them."""
    return [("text", post.text or ""), *((f"media_text/{i}", text) for i, text in enumerate(post.media_text or ()))]


def tokenise(tokenizer: Tokenizer, posts: Sequence[Post]) -> list[TokenisedPost]:
    """Cut `posts` into tokens, field by field; the mark that ends a sentence stands between two fields."""
    fields = [fields_of(post) for post in posts]
    cleaned = [[clean(text) for _, text in each] for each in fields]
    encodings = iter(
        tokenizer.encode_batch([each.text for texts in cleaned for each in texts], add_special_tokens=False)
    )
    separator = special_tokens(tokenizer).closing
    found = []
    for names, texts in zip(fields, cleaned, strict=True):
        tokens: list[Token] = []
        for i, text in enumerate(texts):
            encoding = next(encodings)
            if tokens and encoding.ids:
                tokens.append(Token(separator, i, 0, 0))
            tokens += [
                Token(token, i, *trim(text.text, start, end))
                for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
            ]
        found.append(
            TokenisedPost(
                tuple(name for name, _ in names), tuple(text for _, text in names), tuple(texts), tuple(tokens)
            )
        )
    return found


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Take white space off both ends of `text[start:end]`."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def window_ids(post: TokenisedPost, start: int, end: int, special: Special) -> list[int]:
    """Return the ids of a window over the tokens `start` to `end`, with the two that open and close it."""
    return [special.opening, *(token.id for token in post.tokens[start:end]), special.closing]


def windows(tokens: int) -> Iterator[tuple[int, int]]:
    """Yield where the windows over so many tokens begin and end: at least one, each overlapping the one before."""
    room = MAX_TOKENS - 2
    step = room - OVERLAP
    starts = list(range(0, max(tokens - OVERLAP, 1), step))
    if len(starts) > MAX_WINDOWS:
        starts = starts[: MAX_WINDOWS - _LAST_WINDOWS] + starts[-_LAST_WINDOWS:]
    for start in starts:
        yield start, min(start + room, tokens)
