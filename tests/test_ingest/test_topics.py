"""The topics, as the contract has them."""

from __future__ import annotations

from ingest.topics import TOPICS


def test_the_topics_are_those_of_the_contract() -> None:
    assert [topic.full_name() for topic in TOPICS] == [
        "falsepassage.posts",
        "falsepassage.review",
        "falsepassage.audit",
        "falsepassage.decisions",
        "falsepassage.dead-letters",
    ]


def test_the_prefix_can_be_chosen() -> None:
    assert TOPICS[0].full_name("test-") == "test-posts"


def test_dead_letters_outlive_the_posts_and_decisions_are_compacted() -> None:
    config = {topic.name: topic.config for topic in TOPICS}
    assert int(config["dead-letters"]["retention.ms"]) > int(config["posts"]["retention.ms"])
    assert config["decisions"]["cleanup.policy"] == "compact"
