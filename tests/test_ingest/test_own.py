"""Our own formats: a post and a withdrawal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import DecodeError
from ingest.formats import own
from ingest.post import Post, Withdrawal

SAMPLES = Path(__file__).parent / "samples"


def test_a_post_is_read_and_unknown_fields_are_let_by() -> None:
    assert own.decode((SAMPLES / "own_post.json").read_bytes()) == Post(
        id="forum:88",
        text="Boat on Friday, call 07700 900654",
        platform="forum",
        author="example_seller",
        created_at="2025-09-09T09:40:01Z",
        url="https://example.com/forum/88",
        lang="en",
        media_text=["1500 each"],
        in_reply_to="forum:80",
    )


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_text_is_empty_unless_media_speak(text: str | None) -> None:
    assert own.decode(json.dumps({"id": "a", "text": text}).encode()).is_empty
    assert own.decode(json.dumps({"id": "a", "text": text, "media_text": [""]}).encode()).is_empty
    assert not own.decode(json.dumps({"id": "a", "text": text, "media_text": ["", "b"]}).encode()).is_empty


def test_a_withdrawal_is_read() -> None:
    assert own.decode_withdrawal((SAMPLES / "own_withdrawal.json").read_bytes()) == Withdrawal(
        id="forum:88", platform="forum", withdrawn_at="2025-09-10T00:00:00Z"
    )


def test_a_withdrawal_needs_no_more_than_an_id() -> None:
    assert own.decode_withdrawal(b'{"id": "forum:88"}') == Withdrawal(id="forum:88")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "missing_field"),
        ({"id": ""}, "invalid_id"),
        ({"id": "a" * 513}, "invalid_id"),
        ({"id": "a\u0000b"}, "invalid_id"),
        ({"id": "a\u202eb"}, "invalid_id"),
        ({"id": 5}, "wrong_type"),
        ({"id": None}, "wrong_type"),
    ],
)
def test_a_bad_id_is_refused_in_posts_and_withdrawals(fields: dict[str, Any], reason: str) -> None:
    for decode in (own.decode, own.decode_withdrawal):
        with pytest.raises(DecodeError) as caught:
            decode(json.dumps({"text": "x"} | fields).encode())
        assert caught.value.reason == reason
