"""JSON lines of posts in, verdicts out: in order, line by line, in bounded memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.strict_json import MAX_BYTES
from serving.json_lines import BATCH_LINES, classify_lines, read_lines
from tests.models import shipped
from tests.records import ADVERT, ORDINARY, post_json


def classify(content: bytes) -> tuple[list[dict[str, Any]], int]:
    out = io.BytesIO()
    failed = classify_lines(read_lines(io.BytesIO(content)), shipped(), out)
    return [json.loads(line) for line in out.getvalue().splitlines()], failed


def test_answers_come_in_the_order_of_the_lines() -> None:
    answers, failed = classify(post_json("a", ADVERT) + b"\n" + post_json("b") + b"\r\n" + post_json("c", ADVERT))
    assert [answer["id"] for answer in answers] == ["a", "b", "c"]
    assert [answer["verdict"]["flagged"] for answer in answers] == [True, False, True]
    assert failed == 0


def test_a_line_that_cannot_be_read_is_answered_by_its_number_and_counted() -> None:
    answers, failed = classify(b"\n" + post_json("a") + b"\n{\n  \n" + b'{"id": "b"}\n' + post_json("c"))
    assert [answer.get("id", answer.get("line")) for answer in answers] == ["a", 3, 5, "c"]
    assert [answers[i]["error"]["reason"] for i in (1, 2)] == ["invalid_json", "missing_field"]
    assert answers[1]["error"]["message"]
    assert failed == 2


def test_blank_lines_have_no_answer() -> None:
    assert classify(b"\n  \n\r\n\t\n") == ([], 0)
    assert classify(b"") == ([], 0)


LINES = st.lists(
    st.sampled_from([post_json("a"), post_json("b", ADVERT), b"{", b"", b" ", b"\xff", b"\0"]), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(lines=LINES)
def test_every_line_that_is_not_blank_has_one_answer(lines: list[bytes]) -> None:
    answers, failed = classify(b"\n".join(lines))
    expected = [(i, line) for i, line in enumerate(lines, 1) if line.strip()]
    assert len(answers) == len(expected)
    for answer, (number, line) in zip(answers, expected, strict=True):
        assert answer.get("id") == json.loads(line)["id"] if line.startswith(b'{"') else answer["line"] == number
    assert failed == sum(not line.startswith(b'{"') for _, line in expected)


def test_the_longest_post_is_read_and_a_longer_line_is_refused_and_skipped_to_its_end() -> None:
    for ending in (b"\n", b"\r\n"):
        longest = post_json("a", "").ljust(MAX_BYTES)
        for beyond in (1, 2, 3, MAX_BYTES, MAX_BYTES + 1, 2 * MAX_BYTES + 3):
            content = longest + ending + post_json("b", "").ljust(MAX_BYTES + beyond) + ending + post_json("c")
            lines = list(read_lines(io.BytesIO(content)))
            assert [len(line) for line in lines[::2]] == [MAX_BYTES, len(post_json("c"))]
            assert MAX_BYTES < len(lines[1]) <= MAX_BYTES + 2
    answers, failed = classify(content)
    assert [answer.get("id", answer.get("line")) for answer in answers] == ["a", 2, "c"]
    assert answers[1]["error"]["reason"] == "too_large"
    assert failed == 1


def test_an_overlong_last_line_without_an_end_is_one_line() -> None:
    for beyond in (1, 2, 3, 5 * MAX_BYTES):
        assert len(list(read_lines(io.BytesIO(b"x" * (MAX_BYTES + beyond))))) == 1


def test_answers_are_written_before_all_lines_are_read() -> None:
    out, seen = io.BytesIO(), []

    def lines() -> Iterator[bytes]:
        for i in range(3 * BATCH_LINES):
            seen.append(out.getvalue().count(b"\n"))
            yield post_json(str(i), ORDINARY)

    assert classify_lines(lines(), shipped(), out) == 0
    assert max(i - written for i, written in enumerate(seen)) <= BATCH_LINES
    assert [json.loads(line)["id"] for line in out.getvalue().splitlines()] == [str(i) for i in range(3 * BATCH_LINES)]
