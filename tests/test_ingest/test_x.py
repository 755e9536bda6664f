"""Posts and compliance events of the X API read as posts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import DecodeError
from ingest.formats.x import decode
from ingest.post import Ignored, Post, Withdrawal

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> bytes:
    return (SAMPLES / f"x_{name}.json").read_bytes()


def bare(**fields: Any) -> bytes:
    return json.dumps(json.loads(sample("bare")) | fields).encode()


def post(value: bytes) -> Post:
    event = decode(value)
    assert isinstance(event, Post)
    return event


def test_a_wrapped_post_is_read_with_all_its_fields() -> None:
    assert decode(sample("reply_with_media")) == Post(
        id="x:1965343000000000002",
        text="Still two seats on Friday https://t.co/example123",
        platform="x",
        author="example_travel",
        created_at="2025-09-09T09:40:01.000Z",
        url="https://x.com/example_travel/status/1965343000000000002",
        lang="en",
        media_text=["Price list, WhatsApp 07700 900789"],
        in_reply_to="x:1965343000000000000",
    )


def test_a_bare_post_names_its_author_by_number() -> None:
    assert post(sample("bare")).author == "2200000001"
    assert post(sample("bare")).url == "https://x.com/i/web/status/1965343000000000001"


def test_escaped_characters_are_resolved_once() -> None:
    assert post(sample("bare")).text == "UK visa & job, no IELTS needed. DM me <3"
    assert post(bare(text="&amp;lt;")).text == "&lt;"


def test_a_long_post_is_read_whole() -> None:
    assert post(sample("long_edited")).text.endswith("Contact 07700 900789")  # type: ignore[union-attr]


def test_an_edit_is_the_post_again_under_the_id_of_the_original() -> None:
    edited = post(sample("long_edited"))
    assert edited.id == "x:1965343000000000003"
    assert edited.url == "https://x.com/example_travel/status/1965343000000000004"


def test_a_post_that_tells_no_edits_has_its_own_id() -> None:
    assert post(bare(edit_history_tweet_ids=[])).id == "x:1965343000000000001"


def test_a_retweet_is_the_original_again() -> None:
    original = post(sample("retweet"))
    assert original.id == "x:1965343000000000005"
    assert original.author == "example_travel"
    assert original.text == "Full package to England: boat, house, job. Contact 07700 900789"
    assert original.media_text == ["Price list, WhatsApp 07700 900789"]


def test_a_retweet_without_its_original_is_read_as_it_came() -> None:
    record = json.loads(sample("retweet"))
    del record["includes"]["tweets"]
    retweet = post(json.dumps(record).encode())
    assert retweet.id == "x:1965343000000000006"
    assert retweet.author == "example_reader"


def test_a_deletion_withdraws_the_post_under_the_same_id() -> None:
    assert decode(sample("deletion")) == Withdrawal(
        id=post(sample("bare")).id, platform="x", withdrawn_at="2025-09-09T11:00:00.000Z"
    )


def test_a_deletion_of_the_older_streams_withdraws_it_too() -> None:
    assert decode(sample("deletion_v1")) == Withdrawal(
        id=post(sample("bare")).id, platform="x", withdrawn_at="2025-09-09T11:00:00.250000Z"
    )


def test_a_deletion_may_come_bare() -> None:
    assert decode(b'{"delete": {"tweet": {"id": "7"}}}') == Withdrawal(id="x:7", platform="x")


def test_other_compliance_events_are_ignored() -> None:
    assert decode(sample("withheld")) == Ignored("compliance_event")
    assert decode(b'{"data": {"user_suspend": {"user": {"id": "1"}}}}') == Ignored("compliance_event")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (bare(id="", edit_history_tweet_ids=[]), "invalid_id"),
        (bare(edit_history_tweet_ids=[""]), "invalid_id"),
        (bare(id=7), "wrong_type"),
        (bare(text=None), "wrong_type"),
        (b'{"id": "7"}', "missing_field"),
        (b'{"data": [{"id": "7", "text": ""}]}', "wrong_type"),
        (b'{"data": {"id": "7", "text": ""}, "includes": {"users": [{"id": "1"}]}}', "missing_field"),
        (b'{"errors": [{"title": "operational-disconnect"}]}', "missing_field"),
        (b'{"delete": {}}', "missing_field"),
        (b'{"delete": {"tweet": {"id": ""}}}', "invalid_id"),
        (b'{"delete": {"status": {"id_str": "7"}, "timestamp_ms": "soon"}}', "wrong_type"),
    ],
)
def test_a_broken_record_is_refused_for_a_reason(value: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(value)
    assert caught.value.reason == reason
