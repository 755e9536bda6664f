"""What becomes of a record, with the shipped model."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.post import POST_TYPE, WITHDRAWAL_TYPE
from ingest.source import Partition
from serving.audit import AuditDraw
from serving.contracts import AUDIT_TYPE, FLAG_TYPE, WITHDRAWN_TYPE, AuditItem, ReviewItem
from serving.processing import _PLATFORMS, OutputTopics, Processor, Result
from serving.sinks import Output
from tests.models import shipped
from tests.records import ADVERT, ORDINARY, FakeRecord, post_json, post_record

TOPICS = OutputTopics("review", "audit", "dead-letters")
MASTODON_STATUS = Path(__file__).parent.parent / "test_ingest/samples/mastodon_status.json"
NO_AUDIT, ALL_AUDITED = AuditDraw(0, 0, "s"), AuditDraw(1, 1, "s")


def process(*records: FakeRecord, audit: AuditDraw = NO_AUDIT, now: float = 1_700_000_100.0) -> Result:
    return Processor(shipped(), TOPICS, audit, lambda: now).process(records)


def headers_of(output: Output) -> dict[str, bytes | None]:
    return dict(output.headers)


def one(outputs: list[Output], topic: str) -> Output:
    (found,) = [output for output in outputs if output.topic == topic]
    return found


RECORDS = st.one_of(
    st.builds(post_record, st.sampled_from(["a", "b", "x:1"]), st.sampled_from([ADVERT, ORDINARY, "", None]),
              platform=st.none() | st.text(max_size=5) | st.sampled_from(["x", "telegram"])),
    st.builds(FakeRecord, st.none() | st.binary(max_size=30)),
    st.builds(FakeRecord, st.just(b'{"id": "gone", "platform": "x"}'),
              headers=st.sampled_from([[("ce_type", WITHDRAWAL_TYPE.encode())], [("ce_type", b"no")], [("h", None)]])),
    st.builds(FakeRecord, st.just(b'{"kind": "identity", "did": "d"}'),
              headers=st.just([("ce_type", b"com.falsepassage.bluesky.jetstream.v1")])),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(records=st.lists(RECORDS, max_size=20))
def test_each_record_ends_scored_skipped_or_dead_and_is_counted_once(records: list[FakeRecord]) -> None:
    result = process(*records, audit=ALL_AUDITED)
    ends = result.scored.total() + result.skipped.total() + result.dead.total()
    assert ends == len(records) == result.consumed.total()
    topics = [output.topic for output in result.outputs]
    assert topics.count("dead-letters") == result.dead.total()
    flagged = sum(number for (label, _, _), number in result.scored.items() if label != "none")
    assert topics.count("review") == flagged + result.withdrawn.total()
    assert topics.count("audit") == result.audited.total() == result.scored.total() - flagged
    alone = [process(record, audit=ALL_AUDITED) for record in records]
    for name in ("consumed", "scored", "audited", "skipped", "withdrawn", "dead"):
        together: Any = getattr(result, name)
        assert together == sum((getattr(each, name) for each in alone), start=type(together)())
    assert sorted(map(repr, result.outputs)) == sorted(repr(o) for each in alone for o in each.outputs)


@settings(max_examples=100, deadline=None)
@given(
    platforms=st.lists(st.text(min_size=1, max_size=8) | st.sampled_from(["X", "telegram ", "bluesky"]), max_size=30)
)
def test_whoever_writes_posts_cannot_make_endless_labels(platforms: list[str]) -> None:
    withdrawals = [
        FakeRecord(json.dumps({"id": "a", "platform": p}).encode(), headers=[("ce_type", WITHDRAWAL_TYPE.encode())])
        for p in platforms
    ]
    result = process(*(post_record(platform=platform) for platform in platforms), *withdrawals)
    assert result.consumed.keys() | result.withdrawn.keys() <= _PLATFORMS | {"other"}


def test_platforms_are_counted_by_name_if_known() -> None:
    records = [post_record(platform=p) for p in ("telegram", "telegram", "myspace", None)]
    assert process(*records, FakeRecord(None), FakeRecord(b"{")).consumed == {"telegram": 2, "other": 1, "unknown": 3}


def test_a_flagged_post_goes_to_review_with_all_that_came() -> None:
    record = post_record("forum:1", ADVERT, 4, platform="forum", colour={"deep": [1, None, "é"]}, huge=10**25)
    output = one(process(record).outputs, "review")
    assert output.key == b"forum:1"
    assert (output.source, output.source_offset) == (Partition("posts", 0), 4)
    value = json.loads(output.value or b"")
    assert value["post"] == json.loads(record.value or b"")
    assert value["verdict"]["flagged"] is True
    assert value["flagged_at"] == "2023-11-14T22:15:00.000Z"
    assert "inclusion_probability" not in value
    msgspec.json.decode(output.value or b"", type=ReviewItem, strict=True)


@pytest.mark.parametrize("headers", [
    [("ce_type", POST_TYPE.encode())], [("ce_type", None)], [("ce_type", b"other"), ("ce_type", POST_TYPE.encode())],
])  # fmt: skip
def test_unknown_fields_pass_through_whatever_headers_our_format_came_with(
    headers: list[tuple[str, bytes | None]],
) -> None:
    record = FakeRecord(post_json("forum:1", ADVERT, colour="red"), headers=headers)
    assert json.loads(one(process(record).outputs, "review").value or b"")["post"]["colour"] == "red"


def test_a_post_in_a_platforms_format_is_passed_on_in_ours() -> None:
    status = json.loads(MASTODON_STATUS.read_bytes()) | {"content": f"<p>{ADVERT}</p>"}
    record = FakeRecord(json.dumps(status).encode(), headers=[("ce_type", b"com.falsepassage.mastodon.status.v1")])
    result = process(record)
    assert result.dead == {}
    item = msgspec.json.decode(one(result.outputs, "review").value or b"", type=ReviewItem)
    assert (item.post.text or "").endswith(ADVERT)
    assert item.post.platform == "mastodon"


BROKEN = [(b"{", "invalid_json"), (b'{"id": "a"}', "missing_field"), (b"\xff", "invalid_utf8")]


@pytest.mark.parametrize(("value", "reason"), BROKEN)
@pytest.mark.parametrize("key", [None, b"", b"\xff key"])
def test_a_dead_letter_is_the_record_as_it_came(value: bytes, reason: str, key: bytes | None) -> None:
    own: list[tuple[str, bytes | None]] = [("a", b"\xff"), ("a", None), ("traceparent", b"00-1")]
    record = FakeRecord(value, key, own, offset=5, partition=2, timestamp=1234)
    result = process(record)
    letter = one(result.outputs, "dead-letters")
    assert (letter.key, letter.value, letter.timestamp_ms) == (key, value, 1234)
    assert list(letter.headers)[:3] == own
    assert headers_of(letter)["falsepassage.error.reason"] == reason.encode()
    assert headers_of(letter)["falsepassage.error.offset"] == b"5"
    assert result.dead == {reason: 1}


def test_a_dead_letter_without_timestamp_gets_none() -> None:
    assert one(process(FakeRecord(b"{", timestamp=-1)).outputs, "dead-letters").timestamp_ms is None
    assert one(process(FakeRecord(b"{", timestamp=0)).outputs, "dead-letters").timestamp_ms == 0


def test_what_has_nothing_to_judge_is_skipped_for_a_reason() -> None:
    empty = [post_record(text=""), post_record(text=None), post_record(text="", media_text=["", ""])]
    result = process(FakeRecord(None), *empty)
    assert result.skipped == {"tombstone": 1, "no_text": 3}
    assert result.outputs == []
    assert process(post_record(text="", media_text=["", ADVERT])).scored.total() == 1


def test_word_of_a_deletion_goes_to_review_after_the_flag_it_answers() -> None:
    gone = FakeRecord(
        b'{"id": "forum:1", "platform": "forum"}', headers=[("ce_type", WITHDRAWAL_TYPE.encode())], offset=2
    )
    result = process(post_record("forum:1", ADVERT, 1), gone, post_record("forum:2", ADVERT, 3))
    assert [headers_of(output)["ce_type"] for output in result.outputs] == [
        FLAG_TYPE.encode(), WITHDRAWN_TYPE.encode(), FLAG_TYPE.encode(),
    ]  # fmt: skip
    assert result.outputs[1].key == b"forum:1"
    assert json.loads(result.outputs[1].value or b"") == {"withdrawal": {"id": "forum:1", "platform": "forum"}}
    assert result.skipped == {"withdrawal": 1}
    assert result.withdrawn == {"forum": 1}


def test_flagged_posts_are_never_audited_and_all_others_may_be() -> None:
    records = [post_record(f"f:{i}", ADVERT if i % 2 else ORDINARY, i) for i in range(40)]
    outputs = process(*records, audit=ALL_AUDITED).outputs
    assert {output.key for output in outputs if output.topic == "review"} == {b"f:%d" % i for i in range(1, 40, 2)}
    audited = [output for output in outputs if output.topic == "audit"]
    assert {output.key for output in audited} == {b"f:%d" % i for i in range(0, 40, 2)}
    item = msgspec.json.decode(audited[0].value or b"", type=AuditItem)
    assert item.inclusion_probability == 1
    assert not item.verdict.flagged
    assert headers_of(audited[0])["ce_type"] == AUDIT_TYPE.encode()


def test_the_audit_says_with_what_chance_a_post_was_drawn_and_draws_the_same_again() -> None:
    draw = AuditDraw(0.2, 0.05, "s")
    records = [post_record(f"f:{i}", ORDINARY, i) for i in range(200)]
    outputs = process(*records, audit=draw).outputs
    assert 10 < len(outputs) < 90
    assert outputs == process(*records, audit=draw).outputs
    verdict = shipped().classify([msgspec.json.decode(outputs[0].value or b"", type=AuditItem).post])
    expected = draw.probabilities(verdict.suspicion(), verdict.thresholds)[0]
    assert {json.loads(output.value or b"")["inclusion_probability"] for output in outputs} == {float(expected)}


def test_the_trace_goes_on_and_other_headers_do_not() -> None:
    traced = FakeRecord(post_json("a", ADVERT), headers=[("traceparent", b"00-4bf9-1"), ("secret", b"s")])
    headers = headers_of(one(process(traced).outputs, "review"))
    assert headers["traceparent"] == b"00-4bf9-1"
    assert "secret" not in headers
    assert "traceparent" not in headers_of(process(post_record(text=ADVERT)).outputs[0])


def test_an_event_has_the_headers_of_cloudevents() -> None:
    headers = headers_of(process(post_record(text=ADVERT)).outputs[0])
    assert headers.pop("ce_id")
    assert headers == {
        "ce_specversion": b"1.0", "ce_source": b"/falsepassage/worker", "ce_type": FLAG_TYPE.encode(),
        "ce_time": b"2023-11-14T22:15:00.000Z", "content-type": b"application/json",
    }  # fmt: skip


def _event_id(record: FakeRecord, audit: AuditDraw = NO_AUDIT, now: float = 1.0) -> bytes | None:
    (output,) = process(record, audit=audit, now=now).outputs
    return headers_of(output)["ce_id"]


def test_a_repeat_has_the_same_event_id_and_an_edit_another() -> None:
    first = _event_id(post_record("a", ADVERT, offset=1), now=1.0)
    assert _event_id(post_record("a", ADVERT, offset=99), now=2.0) == first
    assert _event_id(post_record("a", ADVERT + "!", offset=1)) != first
    assert _event_id(post_record("b", ADVERT)) != first
    gone = [FakeRecord(b'{"id": "a"}', headers=[("ce_type", WITHDRAWAL_TYPE.encode())], offset=i) for i in (1, 2)]
    assert _event_id(gone[0]) == _event_id(gone[1]) != first
    assert _event_id(post_record("a", ORDINARY), ALL_AUDITED) == _event_id(post_record("a", ORDINARY), ALL_AUDITED)


def test_an_empty_batch_gives_nothing() -> None:
    assert process().outputs == []


def test_no_text_of_a_post_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    process(post_record(text=ADVERT), FakeRecord(post_json(text=ADVERT)[:-1]), audit=ALL_AUDITED)
    assert "Dunkirk" not in caplog.text


def test_the_message_of_a_dead_letter_does_not_quote_the_text() -> None:
    result = process(FakeRecord(post_json("a", ADVERT)[:-1]), FakeRecord(post_json("a", ADVERT, url=5)))
    for letter in result.outputs:
        assert b"Dunkirk" not in (headers_of(letter)["falsepassage.error.message"] or b"")
