"""Telegram messages of the Bot API and of Telethon read as posts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import DecodeError
from ingest.formats.telegram import decode
from ingest.post import Ignored, Post, Withdrawal

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def changed(name: str, **fields: Any) -> bytes:
    return json.dumps(json.loads(sample(name)) | fields).encode()


def post(value: bytes) -> Post:
    event = decode(value)
    assert isinstance(event, Post)
    return event


def test_a_channel_post_is_read_with_all_its_fields() -> None:
    assert decode(sample("telegram_channel_post")) == Post(
        id="telegram:-1001234567890/42",
        text="رحلة من تركيا إلى اليونان 🇬🇷 السعر 2000 يورو 07700 900321",
        platform="telegram",
        author="example_travel",
        created_at="2025-09-09T09:40:01Z",
        url="https://t.me/example_travel/42",
    )


def test_an_edited_channel_post_is_the_post_again_under_the_same_id() -> None:
    edited = post(sample("telegram_edited_channel_post"))
    assert edited.id == post(sample("telegram_channel_post")).id
    assert edited.text == "New price: 1800 euro, ask @example_travel_help"


def test_a_reply_in_a_group_names_sender_and_parent() -> None:
    reply = post(sample("telegram_group_reply"))
    assert reply.author == "example_user"
    assert reply.in_reply_to == "telegram:-1009876543210/70"
    assert reply.url == "https://t.me/c/9876543210/77"


def test_a_message_outside_channels_has_no_url_and_may_have_no_user_name() -> None:
    private = post(sample("telegram_edited_message"))
    assert private.url is None
    assert private.author == "5550003"
    assert private.id == "telegram:5550003/9"


def test_a_bare_message_is_read_and_a_picture_without_caption_is_empty() -> None:
    picture = post(sample("telegram_bare_message"))
    assert picture.id == "telegram:-1001234567890/43"
    assert picture.is_empty


def test_an_update_without_a_message_is_ignored() -> None:
    assert decode(sample("telegram_callback")) == Ignored("other_event")


def test_a_telethon_message_has_the_id_that_the_bot_api_gives() -> None:
    assert decode(sample("telethon_message")) == Post(
        id=post(sample("telegram_channel_post")).id,
        text="Visa për Angli, 100% e garantuar, 07700 900321",
        platform="telegram",
        author="-1001234567890",
        created_at="2025-09-09T09:40:01+00:00",
        url="https://t.me/c/1234567890/42",
    )


def test_a_telethon_reply_names_sender_and_parent() -> None:
    reply = post(sample("telethon_group_reply"))
    assert reply.author == "5550001"
    assert reply.in_reply_to == post(sample("telegram_group_reply")).id


def test_a_telethon_update_reads_as_the_message_in_it() -> None:
    assert decode(sample("telethon_new_message")) == decode(sample("telethon_message"))


@pytest.mark.parametrize(
    ("date", "created_at"),
    [
        ("2025-09-09T09:40:01+00:00", "2025-09-09T09:40:01+00:00"),
        ("2025-09-09 09:40:01+00:00", "2025-09-09T09:40:01+00:00"),
        (1757410801, "2025-09-09T09:40:01Z"),
        (2**53, None),
        ("datetime.datetime(2025, 9, 9)", None),
        (None, None),
    ],
)
def test_a_telethon_date_is_read_however_it_was_dumped(date: str | int | None, created_at: str | None) -> None:
    assert post(changed("telethon_message", date=date)).created_at == created_at


@pytest.mark.parametrize(
    ("peer", "chat_id"),
    [({"channel_id": 1234567890}, "-1001234567890"), ({"chat_id": 77}, "-77"), ({"user_id": 5550001}, "5550001")],
)
def test_a_telethon_peer_becomes_the_chat_id_of_the_bot_api(peer: dict[str, int], chat_id: str) -> None:
    assert post(changed("telethon_message", peer_id=peer)).id == f"telegram:{chat_id}/42"


def test_a_service_message_is_ignored() -> None:
    assert decode(sample("telethon_service")) == Ignored("service_message")


@pytest.mark.parametrize("tag", ["MessageEmpty", "UpdateUserStatus"])
def test_other_telethon_objects_are_ignored(tag: str) -> None:
    assert decode(json.dumps({"_": tag, "id": 1}).encode()) == Ignored("other_event")


def test_a_deletion_withdraws_the_post_under_the_same_id() -> None:
    withdrawal = Withdrawal(id=post(sample("telegram_channel_post")).id, platform="telegram")
    assert decode(sample("telethon_deletion")) == withdrawal


def test_a_deletion_of_several_messages_asks_for_one_record_per_id() -> None:
    with pytest.raises(DecodeError, match="one record per id") as caught:
        decode(sample("telethon_deletion_of_several"))
    assert caught.value.reason == "wrong_type"


def test_a_deletion_that_names_no_chat_is_ignored_for_a_reason_of_its_own() -> None:
    assert decode(b'{"_": "UpdateDeleteMessages", "messages": [4]}') == Ignored("deletion_without_chat")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{}", "missing_field"),
        (b"[]", "wrong_type"),
        (changed("telegram_bare_message", message_id="43"), "wrong_type"),
        (changed("telegram_bare_message", message_id=10**30), "wrong_type"),
        (changed("telegram_bare_message", message_id=0.5), "wrong_type"),
        (changed("telegram_bare_message", chat={}), "missing_field"),
        (changed("telegram_channel_post", channel_post="text"), "wrong_type"),
        (changed("telethon_message", peer_id={"_": "PeerChannel"}), "missing_field"),
        (changed("telethon_message", peer_id=None), "wrong_type"),
        (changed("telethon_deletion", messages=[]), "wrong_type"),
        (changed("telethon_deletion", channel_id="1"), "wrong_type"),
        (b'{"_": "UpdateNewMessage"}', "missing_field"),
        (b'{"_": 5}', "wrong_type"),
    ],
)
def test_a_broken_record_is_refused_for_a_reason(value: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(value)
    assert caught.value.reason == reason
