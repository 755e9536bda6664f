"""Which posts go to the encoder, and what becomes of the others: with a reader that says what it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.artefact import Thresholds, read_config
from classifier.cascade import SHIPPED_MODEL, Cascade, Identity, assemble
from classifier.errors import ModelError
from classifier.verdict import Evidence
from ingest.post import Post
from tests.records import ADVERT, ORDINARY


@dataclass
class Told:
    """A reading that finds an advert in everything."""

    posts: Sequence[Post]

    def probabilities(self) -> NDArray[np.float64]:
        return np.tile([0.999999, 0.1], (len(self.posts), 1))

    def evidence(self, i: int) -> list[Evidence]:
        text = self.posts[i].text or ""
        return [Evidence(kind="route", field="text", start=0, end=4, text=text[:4])]


@dataclass
class Suspicious:
    """A reader that remembers what it was given."""

    seen: list[str] = field(default_factory=list)

    def read(self, posts: Sequence[Post]) -> Told:
        self.seen += [post.id for post in posts]
        return Told(posts)


def _cascade(reader: Suspicious, gates: dict[str, Thresholds], point: str) -> Cascade:
    config = read_config(SHIPPED_MODEL)
    config = msgspec.structs.replace(
        config,
        screen=msgspec.structs.replace(config.screen, gates=gates),
        thresholds={label: Thresholds(0.9) for label in config.thresholds},
    )
    return assemble(SHIPPED_MODEL, config, Identity("t", "s"), reader, point)  # type: ignore[arg-type]


POSTS = [Post(id="advert", text=ADVERT), Post(id="ordinary", text=ORDINARY)]


def test_all_sends_every_post_to_the_encoder() -> None:
    reader = Suspicious()
    verdicts = list(_cascade(reader, {"balanced": Thresholds(0.5)}, "all").classify(POSTS))
    assert reader.seen == ["advert", "ordinary"]
    assert [verdict.stage for verdict in verdicts] == ["encoder", "encoder"]
    assert all(verdict.flagged for verdict in verdicts)


def test_the_gate_holds_back_what_is_below_it_and_that_is_never_flagged() -> None:
    reader = Suspicious()
    cascade = _cascade(reader, {"balanced": Thresholds(0.5)}, "balanced")
    advert, ordinary = cascade.classify(POSTS)
    assert reader.seen == ["advert"]
    assert cascade.passes(POSTS).tolist() == [True, False]
    assert (advert.stage, advert.label) == ("encoder", "smuggling_advert")
    assert (ordinary.stage, ordinary.label, ordinary.evidence) == ("screen", "none", [])


def test_a_post_held_back_scores_below_its_threshold() -> None:
    cascade = _cascade(Suspicious(), {"balanced": Thresholds(1.1)}, "balanced")
    for verdict in cascade.classify(POSTS):
        assert not verdict.flagged
        assert max(verdict.scores.smuggling_advert, verdict.scores.false_promise) < verdict.threshold + 1e-6


def test_a_language_may_have_a_gate_of_its_own() -> None:
    reader = Suspicious()
    cascade = _cascade(reader, {"firehose": Thresholds(0.0, {"en": 1.1})}, "firehose")
    kurdish = Post(id="ckb", text="بەیانیت باش، ئەمڕۆ کەش و هەوا زۆر خۆشە لە هەولێر و خەڵک لە پارکەکانن")
    cascade.classify([*POSTS, kurdish])
    assert reader.seen == ["ckb"]


def test_the_evidence_and_reason_are_those_of_the_reader() -> None:
    verdict = _cascade(Suspicious(), {}, "balanced").classify(POSTS)[0]
    assert [(each.kind, each.text) for each in verdict.evidence] == [("route", ADVERT[:4])]
    assert verdict.reason.startswith("smuggling_advert with probability 1.00, threshold 0.90; route ")


def test_the_time_of_the_encoder_is_told() -> None:
    assert _cascade(Suspicious(), {}, "all").classify(POSTS).encode_seconds > 0
    assert _cascade(Suspicious(), {"balanced": Thresholds(1.1)}, "balanced").classify([]).encode_seconds >= 0


def test_an_unknown_operating_point_is_refused() -> None:
    with pytest.raises(ModelError, match=r"'most'.*all, balanced, firehose"):
        _cascade(Suspicious(), {}, "most")
