"""An evaluation from the shipped model to the report, on a few posts of the corpus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classifier.cascade import SHIPPED_MODEL
from classifier.evaluation.evaluate import Evaluation, EvaluationFiles, evaluate
from classifier.evaluation.report import read_evaluation, render, write_report
from classifier.training.corpus import CORPUS, load_corpus, select, split_of
from classifier.training.disguise import DISGUISES
from classifier.verdict import POSITIVE_LABELS
from tests.records import ADVERT


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> EvaluationFiles:
    """A small corpus, and real posts of which one in the measured half is an advert."""
    directory = tmp_path_factory.mktemp("evaluation")
    (directory / "corpus").mkdir()
    for name in ("en", "tr"):
        lines = (CORPUS / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
        (directory / "corpus" / f"{name}.jsonl").write_bytes(b"".join(lines[::4]))
    texts = [f"The bus is late again, number {i}, and it rains on the market" for i in range(120)]
    rows = [{"text": text, "lang": "en", "split": ("train", "measure")[i % 2]} for i, text in enumerate(texts)]
    rows.append({"text": ADVERT, "lang": "en", "split": "measure"})
    (directory / "real.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return EvaluationFiles(SHIPPED_MODEL, directory / "corpus", directory / "real.jsonl", alone=5)


@pytest.fixture(scope="module")
def evaluation(files: EvaluationFiles) -> Evaluation:
    return evaluate(files, lambda _: None)


def test_only_groups_of_the_test_split_are_measured(files: EvaluationFiles, evaluation: Evaluation) -> None:
    test = select(load_corpus(files.corpus), "test")
    assert evaluation.test_posts == len(test) > 20
    assert all(split_of(post) == "test" for post in test)
    positive = sum(post.label != "none" for post in test)
    assert all(row.recall.trials == positive for row in evaluation.systems)


def test_a_flag_on_a_real_post_is_counted_and_named(evaluation: Evaluation) -> None:
    assert evaluation.real_posts == 61
    served = evaluation.systems[0]
    assert served.real_flagged is not None
    assert served.real_flagged.successes == len(evaluation.real_flags) == 1
    assert evaluation.real_flags[0].line == 60
    assert served.flags_per_million == pytest.approx(1e6 / 61)


def test_rivals_keep_the_same_budget(evaluation: Evaluation) -> None:
    rivals = {row.name: row for row in evaluation.systems}
    assert {"list of words", "TF-IDF and logistic regression", "the screen alone"} <= set(rivals)
    for name in ("list of words", "TF-IDF and logistic regression", "the screen alone"):
        flagged = rivals[name].real_flagged
        assert flagged is not None
        assert flagged.successes == 0


def test_a_tighter_operating_point_finds_no_more(evaluation: Evaluation) -> None:
    found = [row.recall.successes for row in evaluation.systems[:3]]
    assert found == sorted(found, reverse=True)
    assert set(evaluation.screen) == {"balanced", "firehose"}


def test_every_part_is_measured(evaluation: Evaluation) -> None:
    assert set(evaluation.labels) == set(POSITIVE_LABELS)
    assert set(evaluation.languages) == {"en", "tr"}
    assert set(evaluation.disguises) == set(DISGUISES)
    assert evaluation.alone_as_in_a_batch is not None
    assert evaluation.alone_as_in_a_batch.ratio == 1.0
    assert evaluation.flagged_with_evidence.ratio == 1.0
    assert all(rate > 0 for rate in evaluation.posts_per_second.values())


def test_the_report_says_it_all_and_its_json_can_be_read_again(evaluation: Evaluation, tmp_path: Path) -> None:
    write_report(evaluation, tmp_path / "out")
    assert read_evaluation(tmp_path / "out" / "evaluation.json") == evaluation
    text = (tmp_path / "out" / "evaluation.md").read_text()
    assert text == render(evaluation)
    for word in ("list of words", "reliability.svg", "languages.svg", "homoglyphs", "balanced", "line 60"):
        assert word in text
    assert ADVERT not in text
    assert (tmp_path / "out" / "reliability.svg").stat().st_size > 1_000
