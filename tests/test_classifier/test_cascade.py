"""The classifier as it is served, with the shipped model."""

from __future__ import annotations

import random
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.training.corpus import load_corpus
from classifier.verdict import Verdict
from ingest.post import Post
from tests.models import ANY_TEXT, shipped
from tests.records import ADVERT, ORDINARY


@cache
def _posts() -> list[Post]:
    """300 posts of the corpus, of all languages and labels."""
    return random.Random(1).sample([post.post for post in load_corpus()], 300)


@cache
def _alone() -> list[Verdict]:
    return [shipped().classify([post])[0] for post in _posts()]


def test_a_verdict_is_the_same_alone_and_in_a_batch() -> None:
    together = list(shipped().classify(_posts()))
    assert together == _alone()
    assert {verdict.label for verdict in together} == {"smuggling_advert", "false_promise", "none"}


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(300)), size=st.integers(1, 300))
def test_a_verdict_is_the_same_in_any_order_and_any_batch(order: list[int], size: int) -> None:
    verdicts: list[Verdict] = []
    for at in range(0, 300, size):
        verdicts += shipped().classify([_posts()[i] for i in order[at : at + size]])
    assert verdicts == [_alone()[i] for i in order]


def _check_evidence(post: Post, verdict: Verdict) -> None:
    fields = {"text": post.text or ""} | {f"media_text/{i}": text for i, text in enumerate(post.media_text or ())}
    for evidence in verdict.evidence:
        assert fields[evidence.field][evidence.start : evidence.end] == evidence.text
        assert evidence.text


def test_evidence_points_at_the_words_it_quotes() -> None:
    post = Post(
        id="a",
        text="🚢🇬🇧 𝐁oat tonight from Dunkirk to Dover, pay on arrival, 1400€ each, WhatsApp +44 7700 900 114",
        media_text=["", "💶💶 €1500 each, ask @example_boat"],
    )
    verdict = shipped().classify([post])[0]
    assert verdict.flagged
    _check_evidence(post, verdict)
    found = {(e.kind, e.field) for e in verdict.evidence}
    assert {("price", "text"), ("contact", "text"), ("contact", "media_text/1")} <= found
    contacts = " ".join(e.text for e in verdict.evidence if e.kind == "contact")
    assert "900 114" in contacts
    assert "example_boat" in contacts


def test_evidence_of_the_corpus_points_at_the_words_it_quotes() -> None:
    found = 0
    for post, verdict in zip(_posts(), _alone(), strict=True):
        _check_evidence(post, verdict)
        found += len(verdict.evidence)
    assert found > 20


def test_only_flagged_posts_have_evidence_and_a_reason() -> None:
    for verdict in _alone():
        assert verdict.flagged == (verdict.label != "none")
        assert bool(verdict.reason) == verdict.flagged
        assert verdict.flagged or not verdict.evidence


def test_what_a_picture_says_counts_as_what_is_written() -> None:
    written, pictured = Post(id="a", text=ADVERT), Post(id="b", text="", media_text=[ADVERT])
    assert [verdict.label for verdict in shipped().classify([written, pictured])] == ["smuggling_advert"] * 2
    assert shipped().classify([Post(id="c", text=None, media_text=[ADVERT])])[0].label == "smuggling_advert"


def test_an_ordinary_post_is_not_flagged() -> None:
    assert not shipped().classify([Post(id="a", text=ORDINARY)])[0].flagged


@pytest.mark.parametrize("unit", [ADVERT + " ", "€1 ", "a", "🚢", "b o ", "قارب ", "1"])
def test_a_post_of_a_hundred_thousand_characters_is_judged(unit: str) -> None:
    post = Post(id="a", text=(unit * 100_000)[:100_000])
    verdict = shipped().classify([Post(id="b", text=ORDINARY), post])[1]
    assert verdict == shipped().classify([post])[0]
    assert verdict.flagged or unit != ADVERT + " "


def test_an_empty_batch_has_no_verdicts() -> None:
    verdicts = shipped().classify([])
    assert list(verdicts) == verdicts.flagged() == []
    assert verdicts.tally() == {}
    assert len(verdicts.suspicion()) == 0


@settings(max_examples=100, deadline=None)
@given(text=ANY_TEXT, media=st.none() | st.lists(ANY_TEXT, max_size=3), lang=st.none() | ANY_TEXT)
def test_any_post_gets_a_valid_verdict(text: str, media: list[str] | None, lang: str | None) -> None:
    verdict = shipped().classify([Post(id="a", text=text, media_text=media, lang=lang)])[0]
    assert msgspec.convert(msgspec.to_builtins(verdict), Verdict) == verdict
    assert verdict.model_version == shipped().version


def test_the_tally_counts_each_post_once_as_its_verdict_says() -> None:
    verdicts = shipped().classify(_posts())
    counted: dict[tuple[str, str, str], int] = {}
    for verdict in verdicts:
        key = (verdict.label, verdict.language, verdict.stage)
        counted[key] = counted.get(key, 0) + 1
    assert verdicts.tally() == counted
    assert verdicts.flagged() == [i for i, verdict in enumerate(verdicts) if verdict.flagged]
    for verdict, suspicion in zip(verdicts, verdicts.suspicion(), strict=True):
        assert max(verdict.scores.smuggling_advert, verdict.scores.false_promise) == round(float(suspicion), 6)


def test_verdicts_can_be_counted_from_either_end() -> None:
    verdicts = shipped().classify(_posts()[:3])
    assert verdicts[-1] == verdicts[2]
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            verdicts[beyond]
