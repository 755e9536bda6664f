"""Jetstream events read as posts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import DecodeError
from ingest.formats.bluesky import decode
from ingest.post import Ignored, Post, Withdrawal

SAMPLES = Path(__file__).parent / "samples"
DID = "did:plc:exampleaaaaaaaaaaaaaaaaa"


def sample(name: str) -> bytes:
    return (SAMPLES / f"bluesky_{name}.json").read_bytes()


def created(**fields: Any) -> bytes:
    """A created post whose record has these fields; None leaves one out."""
    event = json.loads(sample("update"))
    record = event["commit"]["record"] | fields
    event["commit"]["record"] = {name: field for name, field in record.items() if field is not None}
    return json.dumps(event).encode()


def post(value: bytes) -> Post:
    event = decode(value)
    assert isinstance(event, Post)
    return event


def test_a_created_post_is_read_with_all_its_fields() -> None:
    assert decode(sample("create")) == Post(
        id=f"bluesky:{DID}/3lyexample22a",
        text="Calais to Dover 🛶 leaving tonight, 1500 per person, children half price. "
        "Message @example_boats or 07700 900123",
        platform="bluesky",
        author=DID,
        created_at="2025-09-09T09:40:01.988Z",
        url=f"https://bsky.app/profile/{DID}/post/3lyexample22a",
        lang="en",
        media_text=["Happy customers on the beach, WhatsApp 07700 900123"],
        in_reply_to="bluesky:did:plc:examplebbbbbbbbbbbbbbbbb/3lyexample11b",
    )


def test_an_edit_is_the_post_again_under_the_same_id() -> None:
    assert post(sample("update")).id == post(sample("create")).id
    assert post(sample("update")).text == "Calais to Dover, now 1200 per person"


def test_a_deletion_withdraws_the_post_under_the_same_id() -> None:
    assert decode(sample("delete")) == Withdrawal(
        id=post(sample("create")).id, platform="bluesky", withdrawn_at="2025-09-09T11:40:02Z"
    )


def test_a_link_card_beside_a_quotation_is_media_text() -> None:
    assert post(sample("link_card")).media_text == ["Work visa without interview\n100% guaranteed, pay after arrival"]


def test_the_alt_text_of_a_video_is_media_text() -> None:
    video = post(sample("video"))
    assert video.media_text == ["Udhëtim i sigurt për në Angli"]
    assert not video.is_empty


def test_the_alt_texts_of_a_gallery_are_media_text() -> None:
    assert post(sample("gallery")).media_text == ["Passports on a table", "Price list: 4000 by lorry"]


@pytest.mark.parametrize(
    "embed",
    [
        {"$type": "app.bsky.embed.record", "record": {"uri": "at://did:plc:example/app.bsky.feed.post/3k", "cid": "b"}},
        {"$type": "social.example.embed", "images": 5, "alt": [], "external": "x", "media": False},
        {"$type": "app.bsky.embed.images", "images": [{"alt": ""}]},
    ],
    ids=["quotation", "unknown type", "no alt text"],
)
def test_an_embed_without_words_gives_no_media_text(embed: dict[str, Any]) -> None:
    assert post(created(embed=embed)).media_text is None


@pytest.mark.parametrize(
    ("sample_name", "reason"),
    [("like", "other_collection"), ("identity", "identity"), ("account_deleted", "account_deleted")],
)
def test_an_event_without_a_post_is_ignored_for_a_reason(sample_name: str, reason: str) -> None:
    assert decode(sample(sample_name)) == Ignored(reason)


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        ({"active": False, "status": "takendown"}, "account_takendown"),
        ({"active": False, "status": "deactivated"}, "account"),
        ({"active": True}, "account"),
    ],
)
def test_the_end_of_an_account_is_told_from_other_news_of_it(account: dict[str, Any], reason: str) -> None:
    value = json.dumps({"did": DID, "time_us": 1, "kind": "account", "account": account}).encode()
    assert decode(value) == Ignored(reason)


def test_an_event_of_a_kind_to_come_is_ignored() -> None:
    assert decode(json.dumps({"did": DID, "time_us": 1, "kind": "sync"}).encode()) == Ignored("other_event")


@pytest.mark.parametrize("date", ["yesterday", "2025-09-09", "0000-00-00T00:00:00Z", None])
def test_a_date_that_cannot_be_read_gives_way_to_the_time_of_the_event(date: str | None) -> None:
    assert post(created(createdAt=date)).created_at == "2025-09-09T10:40:02Z"


@pytest.mark.parametrize("uri", ["", "at://", "at://did:plc:example/app.bsky.feed.generator/3k", "https://example.com"])
def test_a_parent_that_is_no_post_is_left_out(uri: str) -> None:
    assert post(created(reply={"parent": {"uri": uri}})).in_reply_to is None


@pytest.mark.parametrize(
    ("path", "change", "reason"),
    [
        (("did",), "", "invalid_id"),
        (("commit", "rkey"), "3k\n", "invalid_id"),
        (("commit",), None, "missing_field"),
        (("commit", "record"), None, "missing_field"),
        (("commit", "record", "text"), None, "missing_field"),
        (("commit", "record", "text"), 5, "wrong_type"),
        (("commit", "record", "embed"), {"$type": "app.bsky.embed.recordWithMedia"}, "missing_field"),
        (("commit", "operation"), "undo", "wrong_type"),
        (("kind",), None, "missing_field"),
    ],
)
def test_a_broken_event_is_refused_for_a_reason(path: tuple[str, ...], change: Any, reason: str) -> None:
    event = json.loads(sample("update"))
    holder = event
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = change
    if change is None:
        del holder[path[-1]]
    with pytest.raises(DecodeError) as caught:
        decode(json.dumps(event).encode())
    assert caught.value.reason == reason
