"""Mastodon statuses and streaming events read as posts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import DecodeError
from ingest.formats.html_text import text_of_html
from ingest.formats.mastodon import decode
from ingest.post import Ignored, Post, Withdrawal

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> bytes:
    return (SAMPLES / f"mastodon_{name}.json").read_bytes()


def status(**fields: Any) -> bytes:
    return json.dumps(json.loads(sample("status")) | fields).encode()


def post(value: bytes) -> Post:
    event = decode(value)
    assert isinstance(event, Post)
    return event


def test_a_status_is_read_with_all_its_fields() -> None:
    assert decode(sample("status")) == Post(
        id="mastodon:example.social/115173612345678901",
        text="Travel offer\n\n@example_friend places left for Friday, Dunkirk → Dover & onward\nPrice: 1500\xa0£\n\n"
        "Call 07700 900456 or https://example.com/contact/channel-crossing-and-more\n\n#Dover",
        platform="mastodon",
        author="example_agent@example.social",
        created_at="2025-09-09T09:40:01.988Z",
        url="https://example.social/@example_agent/115173612345678901",
        lang="en",
        media_text=["Boat timetable, ask for the family price"],
        in_reply_to="mastodon:example.social/115173600000000000",
    )


def test_a_boost_is_the_boosted_post_by_its_own_id() -> None:
    boosted = post(sample("boost"))
    assert boosted.id == "mastodon:example.com/115173700000000001"
    assert boosted.author == "example_writer@example.com"
    assert boosted.text == "Good read on safe and legal routes"


def test_a_streamed_status_reads_as_the_bare_one() -> None:
    assert decode(sample("stream_update")) == decode(sample("status"))


def test_a_payload_may_be_an_object_as_well_as_a_string() -> None:
    bare = json.loads(sample("status"))
    assert decode(json.dumps({"event": "update", "payload": bare}).encode()) == decode(sample("status"))


def test_an_edit_is_the_post_again_under_the_same_id() -> None:
    edit = post(sample("stream_edit"))
    assert edit.id == post(sample("status")).id
    assert edit.text == "Price is now 1200"


@pytest.mark.parametrize("payload", ["115173612345678901", 115173612345678901])
def test_a_deletion_withdraws_the_post_under_the_same_id(payload: str | int) -> None:
    value = json.dumps({"event": "delete", "host": "example.social", "payload": payload}).encode()
    assert decode(value) == decode(sample("stream_delete"))
    assert decode(value) == Withdrawal(id=post(sample("status")).id, platform="mastodon")


def test_a_deletion_that_names_no_server_is_refused() -> None:
    with pytest.raises(DecodeError, match="host") as caught:
        decode(b'{"event": "delete", "payload": "115173612345678901"}')
    assert caught.value.reason == "missing_field"


def test_a_stream_with_its_server_named_counts_by_that_server() -> None:
    remote = json.loads(sample("boost"))["reblog"] | {"in_reply_to_id": "7"}
    value = json.dumps({"event": "update", "host": "example.social", "payload": remote}).encode()
    assert post(value).id == "mastodon:example.social/115173700000000001"
    assert post(value).in_reply_to == "mastodon:example.social/7"
    assert post(value).author == "example_writer@example.com"


def test_a_reply_to_an_account_of_unknown_server_names_no_parent() -> None:
    assert post(status(in_reply_to_account_id="1", mentions=[])).in_reply_to is None


def test_a_reply_to_oneself_names_its_parent() -> None:
    account_id = json.loads(sample("status"))["account"]["id"]
    value = status(in_reply_to_id="7", in_reply_to_account_id=account_id)
    assert post(value).in_reply_to == "mastodon:example.social/7"


def test_a_stream_event_without_a_status_is_ignored() -> None:
    assert decode(sample("stream_notification")) == Ignored("other_event")
    assert decode(b'{"event": "filters_changed"}') == Ignored("other_event")


def test_a_script_address_is_no_url() -> None:
    assert post(status(url="javascript:alert(1)", uri="https://example.social/1")).url == "https://example.social/1"


def test_a_status_with_nothing_but_a_picture_is_empty() -> None:
    assert post(status(content="", spoiler_text="", media_attachments=[])).is_empty


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<p>one<br>two<br/>three<br />four</p>", "one\ntwo\nthree\nfour"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<blockquote><p>one</p></blockquote><p>two</p>", "one\n\ntwo"),
        ("no markup", "no markup"),
        ("5 &lt; 6 &amp;&amp; &#128674; &nbsp;&eacute;", "5 < 6 && 🚢 \xa0é"),
        ("&amp;lt;", "&lt;"),
        ('<p>@<span>name</span> and <a href="https://example.com">#<span>tag</span></a></p>', "@name and #tag"),
        ("a <b>bold</b><i>er</i> word", "a bolder word"),
        ("3 < 4 and <3", "3 < 4 and <3"),
        ("<p>cut <a href=", "cut <a href="),
        ("<![foo[ bar <!-- baz", "<![foo[ bar <!-- baz"),
        ("<p>one</p><script>two", "one\n\n<script>two"),
        ("&#xD800;&#0;", "��"),
        ("<p></p>", ""),
    ],
)
def test_html_becomes_the_text_that_people_read(html: str, text: str) -> None:
    assert text_of_html(html) == text


@pytest.mark.parametrize("piece", ["<a ", "<!--", "<![foo[", "</", "<a x='", "<script>", "&#"])
def test_hostile_html_takes_no_quadratic_time(piece: str) -> None:
    start = time.perf_counter()
    text_of_html(piece * (200_000 // len(piece)))
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": ""}, "invalid_id"),
        ({"id": "1\u0000"}, "invalid_id"),
        ({"id": 5}, "wrong_type"),
        ({"uri": "tag:example.social", "url": None}, "wrong_type"),
        ({"content": None}, "wrong_type"),
        ({"account": {"id": "1"}}, "missing_field"),
    ],
)
def test_a_broken_status_is_refused_for_a_reason(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(status(**fields))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'{"event": "update"}', "missing_field"),
        (b'{"event": "delete", "host": "example.social"}', "missing_field"),
        (b'{"event": "delete", "host": "example.social", "payload": ""}', "invalid_id"),
        (b'{"event": "delete", "host": "example.social", "payload": {}}', "wrong_type"),
        (b'{"event": "update", "payload": "not json"}', "invalid_json"),
        (b'{"event": "update", "payload": "{}"}', "missing_field"),
        (b'{"event": "update", "payload": 5}', "wrong_type"),
        (b'{"event": 5}', "wrong_type"),
        (b"{}", "missing_field"),
    ],
)
def test_a_broken_event_is_refused_for_a_reason(value: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(value)
    assert caught.value.reason == reason
