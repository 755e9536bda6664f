"""From the corpus to a model that loads and flags."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.cascade import load_classifier
from classifier.errors import CorpusError, TrainingError
from classifier.training.corpus import CORPUS, CorpusLine, load_corpus, parse, select, split_of, strip_markup
from classifier.training.train import TrainingFiles, read_ordinary, train

# The markup


def test_marks_are_taken_out_and_kept_as_spans() -> None:
    plain, spans = strip_markup("🚢 [[route:Dunkirk to Dover]], [[price:1400]] each", "text")
    assert plain == "🚢 Dunkirk to Dover, 1400 each"
    assert [(span.kind, span.field, plain[span.start : span.end]) for span in spans] == [
        ("route", "text", "Dunkirk to Dover"),
        ("price", "text", "1400"),
    ]


@pytest.mark.parametrize(
    ("marked", "why"),
    [
        ("a [[route:Dover", "not closed"),
        ("a route:Dover]]", "not closed"),
        ("[[route:to [[price:5]] now]]", "inside another"),
        ("[[colour:red]]", "'colour'"),
        ("[[route:]]", "empty"),
        ("[[route: ]]", "empty"),
        ("[[no kind]]", "not closed"),
    ],
)
def test_broken_markup_is_refused(marked: str, why: str) -> None:
    with pytest.raises(CorpusError, match=why):
        strip_markup(marked, "text")


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1, max_size=10)


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.tuples(WORDS, WORDS.filter(str.strip), st.sampled_from(["route", "price", "contact"]))))
def test_spans_lead_to_the_words_that_were_marked(parts: list[tuple[str, str, str]]) -> None:
    marked = "".join(f"{before}[[{kind}:{words}]]" for before, words, kind in parts)
    plain, spans = strip_markup(marked, "text")
    assert plain == "".join(before + words for before, words, _ in parts)
    assert [(span.kind, plain[span.start : span.end]) for span in spans] == [(kind, words) for _, words, kind in parts]


def test_a_line_becomes_a_post_with_the_spans_of_all_its_fields() -> None:
    line = CorpusLine("en-1", "smuggling_advert", "boat", "g1", "en", "[[price:5]] go", ["", "to [[route:Dover]]"])
    post = parse(line)
    assert (post.post.id, post.post.text, post.post.media_text) == ("corpus:en-1", "5 go", ["", "to Dover"])
    assert [(span.field, span.start, span.end) for span in post.spans] == [("text", 0, 1), ("media_text/1", 3, 8)]
    assert (post.language, post.label, post.group) == ("en", "smuggling_advert", "g1")


# Files


def _line(**fields: str) -> bytes:
    post = {"id": "x-1", "label": "none", "kind": "k", "group": "g", "lang": "en", "text": "a"}
    return msgspec.json.encode(post | fields) + b"\n"


@pytest.mark.parametrize(
    "broken",
    [b"{\n", b"\n", b"[]\n", b'{"id": "\xff"}\n', _line(label="advert"), _line(colour="red"), _line(text="[[route:a")],
)
def test_a_broken_line_is_refused_by_file_and_number(tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "en.jsonl").write_bytes(_line() + broken)
    with pytest.raises(CorpusError, match=r"en\.jsonl:2: "):
        load_corpus(tmp_path)


def test_a_directory_without_posts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no \\*\\.jsonl"):
        load_corpus(tmp_path)


def test_ordinary_posts_are_those_of_the_split_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"text": "a"}\n{"text": "b", "split": "test"}\n{"text": "c", "split": "train", "lang": "tr"}\n')
    assert [(post.text, post.lang) for post in read_ordinary(path, "train")] == [("a", "und"), ("c", "tr")]
    assert [post.text for post in read_ordinary(path, "test")] == ["b"]


@pytest.mark.parametrize("broken", [b"{", b'{"lang": "en"}', b'{"text": "\xff"}'])
def test_a_broken_ordinary_post_is_refused_by_file_and_number(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b'{"text": "a"}\n' + broken)
    with pytest.raises(TrainingError, match=r"posts\.jsonl:2: "):
        list(read_ordinary(path, "train"))


# The split


def _grouped(language: str, group: str) -> str:
    return split_of(parse(CorpusLine("i", "none", "k", group, language, "text")))


def test_the_split_of_a_group_is_what_it_always_was() -> None:
    """A group that changes sides makes every old figure worthless."""
    assert {
        f"{lang}/{group}": _grouped(lang, group) for lang in ("en", "ar") for group in ("g001", "g002", "g301")
    } == {
        "en/g001": "test",
        "en/g002": "test",
        "en/g301": "calibrate",
        "ar/g001": "test",
        "ar/g002": "train",
        "ar/g301": "test",
    }


def test_no_group_is_on_two_sides_and_no_post_on_none() -> None:
    corpus = load_corpus()
    sides: dict[tuple[str, str], set[str]] = {}
    for post in corpus:
        sides.setdefault((post.language, post.group), set()).add(split_of(post))
    assert {len(found) for found in sides.values()} == {1}
    parts = [select(corpus, "train"), select(corpus, "calibrate"), select(corpus, "test")]
    assert sum(map(len, parts)) == len(corpus) == len(select(corpus, "train", "calibrate", "test"))
    for one, other in itertools.combinations(parts, 2):
        assert not {(p.language, p.group) for p in one} & {(p.language, p.group) for p in other}


def test_the_sides_have_their_shares() -> None:
    found = Counter(_grouped("xx", f"g{i}") for i in range(3_000))
    assert found["train"] / 3_000 == pytest.approx(0.70, abs=0.04)
    assert found["calibrate"] / 3_000 == pytest.approx(0.12, abs=0.04)
    assert found["test"] / 3_000 == pytest.approx(0.18, abs=0.04)


# Training


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus of one language."""
    directory = tmp_path_factory.mktemp("corpus")
    lines = (CORPUS / "en.jsonl").read_bytes().splitlines(keepends=True)
    (directory / "en.jsonl").write_bytes(b"".join(lines[:400]))
    return directory


def test_a_trained_model_loads_and_flags_what_it_learnt(corpus: Path, tmp_path: Path) -> None:
    ordinary = tmp_path / "ordinary.jsonl"
    texts = ["The bus is late again today", "Bugün hava çok güzel, parka gittik", "I made soup for dinner"]
    ordinary.write_bytes(b"".join(msgspec.json.encode({"text": f"{texts[i % 3]} {i}"}) + b"\n" for i in range(60)))
    said: list[str] = []
    train(TrainingFiles(corpus, ordinary, tmp_path / "model"), "9.9.9", 50.0, said.append)
    classifier = load_classifier(tmp_path / "model")
    assert classifier.version == "9.9.9"
    adverts = [post.post for post in select(load_corpus(corpus), "train") if post.label == "smuggling_advert"]
    verdicts = classifier.classify(adverts)
    assert sum(verdict.label == "smuggling_advert" for verdict in verdicts) > len(adverts) / 2
    held = [msgspec.json.decode(line)["text"] for line in ordinary.read_bytes().splitlines()]
    assert not any(v.flagged for v in classifier.classify([msgspec.structs.replace(adverts[0], text=t) for t in held]))
    assert not (tmp_path / "model.new").exists()
    assert said
    assert "9.9.9" in (tmp_path / "model" / "README.md").read_text()


def test_a_model_of_one_language_and_no_ordinary_posts_can_be_used_and_is_the_same_each_time(
    corpus: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        train(TrainingFiles(corpus, None, tmp_path / name), "1", 50.0, lambda _: None)
    one, two = load_classifier(tmp_path / "one"), load_classifier(tmp_path / "two")
    assert one.sha256 == two.sha256
    assert len(one.classify([post.post for post in load_corpus(corpus)])) == 400
