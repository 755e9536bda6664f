"""Records read by their headers; and whatever the bytes are, an event or a `DecodeError`."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.decode import decode
from ingest.errors import REASONS, DecodeError
from ingest.formats import FORMATS
from ingest.formats.strict_json import MAX_BYTES
from ingest.post import POST_TYPE, WITHDRAWAL_TYPE, Event, Ignored, Post, Withdrawal

POST = b'{"id": "forum:88", "text": "a"}'

CE_TYPES = {
    "bluesky": "com.falsepassage.bluesky.jetstream.v1",
    "mastodon": "com.falsepassage.mastodon.status.v1",
    "own_post": POST_TYPE,
    "own_withdrawal": WITHDRAWAL_TYPE,
    "telegram": "com.falsepassage.telegram.message.v1",
    "telethon": "com.falsepassage.telegram.message.v1",
    "x": "com.falsepassage.x.tweet.v2",
}
"""How the names of the samples of each format begin."""

SAMPLES = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.json"))}

EMBEDDED = {
    POST_TYPE: b'{"id": "a", "text": "b", "extra": %s}',
    WITHDRAWAL_TYPE: b'{"id": "a", "extra": %s}',
    CE_TYPES["bluesky"]: b'{"did": "d", "kind": "identity", "identity": %s}',
    CE_TYPES["mastodon"]: b'{"event": "notification", "payload": %s}',
    CE_TYPES["telegram"]: b'{"update_id": 1, "callback_query": %s}',
    CE_TYPES["x"]: b'{"delete": {"tweet": {"id": "7"}}, "extra": %s}',
}
"""A record of each format that can be read, with a place for JSON that is not asked for."""


def ce_type_of(sample: str) -> str:
    return next(ce_type for beginning, ce_type in CE_TYPES.items() if sample.startswith(beginning))


def decode_as(ce_type: str, value: bytes) -> Event:
    return decode(value, [("ce_type", ce_type.encode()), ("content-type", b"application/json")])


def reason_of(value: bytes, headers: list[tuple[str, bytes | None]]) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(value, headers)
    return caught.value.reason


# Headers


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("traceparent", b"00-1-2-01")],
        [("ce_type", POST_TYPE.encode())],
        [("content-type", b"application/json")],
        [("ce_type", None)],
    ],
)
def test_a_record_is_a_plain_post_unless_a_header_says_otherwise(headers: list[tuple[str, bytes | None]]) -> None:
    assert decode(POST, headers) == Post(id="forum:88", text="a")


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_is_read_by_its_type_save_the_one_that_says_too_much(sample: str) -> None:
    if sample == "telethon_deletion_of_several":
        assert reason_of(SAMPLES[sample], [("ce_type", ce_type_of(sample).encode())]) == "wrong_type"
    else:
        assert isinstance(decode_as(ce_type_of(sample), SAMPLES[sample]), Post | Withdrawal | Ignored)


def test_every_format_has_samples() -> None:
    assert {ce_type_of(sample) for sample in SAMPLES} == set(FORMATS)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "text/json", "application/vnd.example+json"],
)
def test_json_is_read_under_all_its_names(content_type: str) -> None:
    assert decode(POST, [("content-type", content_type.encode())]) == Post(id="forum:88", text="a")


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/avro", "application/cloudevents+json", "json", "application/jsonl"]
)
def test_another_content_type_is_refused(content_type: str) -> None:
    assert reason_of(POST, [("content-type", content_type.encode())]) == "unsupported_content_type"


def test_the_last_of_several_headers_wins() -> None:
    withdrawn, post = ("ce_type", WITHDRAWAL_TYPE.encode()), ("ce_type", POST_TYPE.encode())
    assert decode(POST, [post, withdrawn]) == Withdrawal(id="forum:88")
    assert decode(POST, [withdrawn, post]) == Post(id="forum:88", text="a")
    assert decode(POST, [withdrawn, ("ce_type", None)]) == Post(id="forum:88", text="a")


@pytest.mark.parametrize(
    "ce_type", ["", "com.falsepassage.post", "com.falsepassage.post.v2", "COM.FALSEPASSAGE.POST.V1"]
)
def test_an_unknown_type_is_refused(ce_type: str) -> None:
    assert reason_of(POST, [("ce_type", ce_type.encode())]) == "unknown_type"


@pytest.mark.parametrize("name", ["ce_type", "content-type"])
def test_a_header_that_is_not_utf8_is_refused(name: str) -> None:
    assert reason_of(POST, [(name, b"\xff")]) == "invalid_utf8"


# Broken values, the same for every format


@pytest.mark.parametrize("ce_type", FORMATS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "invalid_json"),
        (b" ", "invalid_json"),
        (b"not json", "invalid_json"),
        (b'{"id": "a"', "invalid_json"),
        (b"{'id': 'a'}", "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        (b"\x00", "invalid_json"),
        (b"\xff\xfe", "invalid_utf8"),
        (b"null", "wrong_type"),
        (b"[]", "wrong_type"),
        (b'"text"', "wrong_type"),
        (b"5", "wrong_type"),
        (b"{}", "missing_field"),
        (b"[" * 100_000, "wrong_type"),
        (b'{"id": ' + b" " * MAX_BYTES + b'"a"}', "too_large"),
    ],
    ids=lambda argument: str(argument[:12]),
)
def test_what_is_no_record_is_refused_for_a_reason(ce_type: str, value: bytes, reason: str) -> None:
    assert reason_of(value, [("ce_type", ce_type.encode())]) == reason


@pytest.mark.parametrize("ce_type", FORMATS)
@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        (b'"\xff"', "invalid_utf8"),
        (b'"caf\xe9"', "invalid_utf8"),
        (b'"\xed\xa0\x80"', "invalid_utf8"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b'{"a": ' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
        (b'"line\nbreak"', "invalid_json"),
        (b'"\x00"', "invalid_json"),
        (b"tru", "invalid_json"),
    ],
    ids=["bad byte", "latin-1", "surrogate", "deep list", "deep object", "raw control", "raw NUL", "half a word"],
)
def test_what_is_broken_is_refused_even_where_nothing_is_read(ce_type: str, inner: bytes, reason: str) -> None:
    decode_as(ce_type, EMBEDDED[ce_type].replace(b"%s", b"{}"))
    assert reason_of(EMBEDDED[ce_type].replace(b"%s", inner), [("ce_type", ce_type.encode())]) == reason


@pytest.mark.parametrize("sample", SAMPLES)
def test_more_than_one_value_in_a_record_is_refused(sample: str) -> None:
    assert reason_of(SAMPLES[sample] + b"{}", [("ce_type", ce_type_of(sample).encode())]) == "invalid_json"


@pytest.mark.parametrize("text", [rb'"\ud800"', rb'"\udc00\ud800"', rb'"\ud83d"'])
def test_a_lone_surrogate_is_refused(text: bytes) -> None:
    assert reason_of(b'{"id": "a", "text": %s}' % text, []) == "invalid_json"


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert decode(rb'{"id": "a", "text": "\ud83d\udea2"}') == Post(id="a", text="🚢")


def test_an_escaped_nul_may_stand_in_a_text_but_not_in_an_id() -> None:
    assert decode(rb'{"id": "a", "text": "b\u0000"}') == Post(id="a", text="b\0")
    assert reason_of(rb'{"id": "a\u0000", "text": "b"}', []) == "invalid_id"


def test_the_largest_value_is_still_read() -> None:
    value = b'{"id": "a", "text": "%s"}' % (b"b" * (MAX_BYTES - 23))
    assert len(value) == MAX_BYTES
    assert isinstance(decode(value), Post)
    assert reason_of(value + b" ", []) == "too_large"


@pytest.mark.parametrize("ce_type", FORMATS)
@pytest.mark.parametrize("digits", [19, 20, 400, 4300, 4301, 100_000])
def test_a_huge_number_is_refused_or_let_by(ce_type: str, digits: int) -> None:
    number = b"9" * digits
    for name in (b"time_us", b"id", b"date", b"message_id", b"payload"):
        for beginning in (
            b'{"kind": "commit", "did": "d", ',
            b'{"event": "delete", "host": "h", ',
            b'{"text": "a", ',
            b"{",
        ):
            _event_or_error(ce_type, beginning + b'"%s": %s}' % (name, number))


# Properties


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELD_NAMES = sorted(
    {name.decode() for value in SAMPLES.values() for name in value.split(b'"') if name.replace(b"_", b"").isalpha()}
    | {"_", "$type"}
)
OTHER_VALUES: list[Any] = [None, True, 0, -1, 2**63, 10**30, 1e300, "", "x", "\0", "\u202e", "a" * 600, [], [None], {}]


@pytest.mark.parametrize("ce_type", FORMATS)
@settings(max_examples=150, deadline=None)
@given(value=st.binary(max_size=200))
def test_any_bytes_give_an_event_or_a_decode_error(ce_type: str, value: bytes) -> None:
    _event_or_error(ce_type, value)


@pytest.mark.parametrize("ce_type", FORMATS)
@settings(max_examples=150, deadline=None)
@given(value=st.dictionaries(st.sampled_from(FIELD_NAMES), JSON, max_size=6) | JSON)
def test_any_json_gives_an_event_or_a_decode_error(ce_type: str, value: Any) -> None:
    _event_or_error(ce_type, json.dumps(value).encode())


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_without_one_field_or_with_another_value_gives_an_event_or_a_decode_error(sample: str) -> None:
    for changed in _changes(json.loads(SAMPLES[sample])):
        _event_or_error(ce_type_of(sample), json.dumps(changed).encode())


@pytest.mark.parametrize("ce_type", sorted(set(CE_TYPES.values())))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_sample_changed_at_random_gives_an_event_or_a_decode_error(ce_type: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from([name for name in SAMPLES if ce_type_of(name) == ce_type]))
    record = json.loads(SAMPLES[sample])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(_paths(record)) or [()]))
        if path:
            _set(record, path, data.draw(JSON))
    _event_or_error(ce_type, json.dumps(record).encode())


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_cut_short_is_refused(sample: str) -> None:
    value = SAMPLES[sample].strip()
    for end in range(0, len(value), 7):
        assert reason_of(value[:end], [("ce_type", ce_type_of(sample).encode())]) in ("invalid_json", "invalid_utf8")


def _event_or_error(ce_type: str, value: bytes) -> None:
    try:
        event: Event | DecodeError = decode_as(ce_type, value)
    except DecodeError as error:
        event = error
    if isinstance(event, DecodeError):
        assert event.reason in REASONS
        assert len(event.message) < 300
    elif isinstance(event, Ignored):
        assert event.reason.replace("_", "").isalpha()
    else:
        assert event.id.isprintable()
        assert 0 < len(event.id) <= 512
        json.dumps({name: getattr(event, name) for name in event.__struct_fields__}, ensure_ascii=False).encode()


def _paths(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the values of a JSON document are, outermost first."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from _paths(child, (*path, key))


def _set(record: Any, path: tuple[str | int, ...], value: Any) -> None:
    for step in path[:-1]:
        record = record[step]
    record[path[-1]] = value


def _changes(record: Any) -> Iterator[Any]:
    """`record` without one of its values, and with another one in its place."""
    for path in _paths(record):
        for value in OTHER_VALUES:
            changed = copy.deepcopy(record)
            _set(changed, path, value)
            yield changed
        changed = copy.deepcopy(record)
        holder = changed
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]
        yield changed
