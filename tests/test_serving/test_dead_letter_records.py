"""A dead letter carries its record untouched, whatever is in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import DecodeError
from serving.dead_letter_records import (
    ATTEMPTS_HEADER,
    CONTEXT,
    PREFIX,
    dead_letter_headers,
    read_attempts,
    split_headers,
)
from tests.records import FakeRecord

ERROR = DecodeError("invalid_json", "broken at 5")
NAMES = st.text(max_size=8) | st.sampled_from([PREFIX + name for name in CONTEXT] + [ATTEMPTS_HEADER, "traceparent"])
HEADERS = st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=8) | st.sampled_from([b"0", b"99", b"0,x", b"-1"])))


@settings(max_examples=300, deadline=None)
@given(headers=HEADERS)
def test_the_records_own_headers_come_back_as_they_were_even_if_they_look_like_context(
    headers: list[tuple[str, bytes | None]],
) -> None:
    written = dead_letter_headers(FakeRecord(b"{", headers=headers, offset=9), ERROR, "decode")
    assert written[: len(headers)] == headers
    sent = [(name, value or b"") for name, value in written]  # the client cannot write a null
    own, context = split_headers(sent)
    assert own == headers
    assert (context["reason"], context["offset"], context["topic"]) == ("invalid_json", "9", "posts")


@settings(max_examples=300, deadline=None)
@given(headers=HEADERS)
def test_any_headers_can_be_split(headers: list[tuple[str, bytes | None]]) -> None:
    own, context = split_headers(headers)
    assert len(own) + len(context) <= len(headers)


def test_the_context_is_text_and_decimal_numbers() -> None:
    record = FakeRecord(b"{", offset=12, partition=3, timestamp=-1)
    _, context = split_headers(dead_letter_headers(record, ERROR, "decode"))
    assert context == {
        "topic": "posts", "partition": "3", "offset": "12", "timestamp": "-1", "stage": "decode",
        "reason": "invalid_json", "message": "broken at 5", "attempts": "1",
    }  # fmt: skip


def test_a_long_message_is_cut_and_odd_characters_are_replaced() -> None:
    error = DecodeError("invalid_json", "\ud800" + "x" * 10_000)
    _, context = split_headers(dead_letter_headers(FakeRecord(b""), error, "decode"))
    assert context["message"] == "?" + "x" * 499


@pytest.mark.parametrize(
    ("value", "attempts"),
    [(b"1", 1), (b"41", 41), (b"", 0), (None, 0), (b"-1", 0), (b"x", 0), (b"\xff", 0), (b"9" * 5_000, 0)],
)
def test_attempts_go_on_from_what_the_record_says_if_it_is_sensible(value: bytes | None, attempts: int) -> None:
    headers = [(ATTEMPTS_HEADER, value)]
    assert read_attempts(headers) == attempts
    _, context = split_headers(dead_letter_headers(FakeRecord(b"", headers=headers), ERROR, "decode"))
    assert context["attempts"] == str(attempts + 1)
