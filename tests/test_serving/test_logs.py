"""Log lines: one JSON object each."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.logs import JsonFormatter, configure_logging


@pytest.fixture
def _logging() -> Iterator[None]:
    root, kafka = logging.getLogger(), logging.getLogger("kafka")
    before = root.handlers[:], root.level, kafka.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    kafka.setLevel(before[2])


def line(message: str, *args: object, **extra: object) -> dict[str, object]:
    record = logging.getLogger("t").makeRecord("t", logging.INFO, "f", 1, message, args, None, extra=extra)
    written = JsonFormatter().format(record)
    assert "\n" not in written
    found: dict[str, object] = json.loads(written)
    return found


def test_a_line_has_time_level_logger_message_and_what_was_passed() -> None:
    found = line("batch of %d", 5, offset=7, path=Path("a"))
    assert str(found.pop("time")).endswith("+00:00")
    assert found == {"level": "INFO", "logger": "t", "message": "batch of 5", "offset": 7, "path": "a"}


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(codec=None)), value=st.text() | st.integers() | st.floats() | st.binary())
def test_any_line_is_json(text: str, value: object) -> None:
    assert "value" in line("%s", text, value=value)


def test_an_exception_stays_on_its_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        record = logging.getLogger("t").makeRecord("t", logging.ERROR, "f", 1, "m", (), sys.exc_info())
    written = JsonFormatter().format(record)
    assert "\n" not in written
    assert "ValueError: broken" in json.loads(written)["exception"]


@pytest.mark.usefixtures("_logging")
def test_json_lines_go_to_stderr_from_the_level_on(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "INFO")
    logging.getLogger("a").info("one", extra={"number": 1})
    logging.getLogger("a").debug("two")
    logging.getLogger("kafka.conn").warning("three")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [json.loads(each)["message"] for each in captured.err.splitlines()] == ["one"]


@pytest.mark.usefixtures("_logging")
def test_text_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text", "WARNING")
    logging.getLogger("a").info("one")
    logging.getLogger("a").warning("two")
    assert capsys.readouterr().err.rstrip().endswith("WARNING a: two")
