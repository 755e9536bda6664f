"""The corpus keeps its own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.training.corpus import CORPUS, LabelledPost, load_corpus
from classifier.training.corpus_check import (
    MAIN_LANGUAGES,
    check_balance,
    check_groups,
    check_near_duplicates,
    check_post,
)
from classifier.training.ordinary import read_all
from ingest.post import Post

POSTS = load_corpus()
LANGUAGES = sorted({post.language for post in POSTS})


def of(language: str) -> list[LabelledPost]:
    return [post for post in POSTS if post.language == language]


def test_each_file_holds_one_language_and_ids_are_unique() -> None:
    assert {path.stem for path in CORPUS.glob("*.jsonl")} == set(LANGUAGES)
    assert len({post.post.id for post in POSTS}) == len(POSTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_posts_are_marked_properly_and_name_only_reserved_numbers_and_handles(language: str) -> None:
    assert [problem for post in of(language) for problem in check_post(post)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_group_has_one_label_and_no_two_posts_are_nearly_the_same(language: str) -> None:
    assert check_groups(of(language)) == []
    assert check_near_duplicates(of(language)) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_contacts_prices_emoji_and_length_do_not_give_the_label_away(language: str) -> None:
    assert check_balance(of(language), 0.15 if language in MAIN_LANGUAGES else 0.20) == []


# The ordinary posts beside it


ORDINARY = sorted((CORPUS / "ordinary").glob("*.jsonl"))


@pytest.mark.parametrize("file", ORDINARY, ids=lambda file: file.stem)
def test_ordinary_posts_are_of_one_language_and_name_only_reserved_numbers_and_handles(file: Path) -> None:
    found = list(read_all(file))
    assert {post.lang for post in found} == {file.stem}
    posts = [
        LabelledPost(Post(id=f"{file.stem}-{i}", text=post.text, lang=post.lang), "none", "ordinary", f"o{i}", "", ())
        for i, post in enumerate(found)
    ]
    assert [problem for post in posts for problem in check_post(post)] == []
    assert check_near_duplicates([*posts, *of(file.stem)]) == []


def test_there_are_ordinary_posts_where_the_real_ones_are_few() -> None:
    assert {file.stem for file in ORDINARY} >= {"ckb", "kmr", "ps", "fa", "prs", "tr", "sq", "vi"}
