"""Thresholds for one's own stream, written as a model of their own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from classifier.artefact import read_config
from classifier.cascade import SHIPPED_MODEL, load_classifier
from classifier.errors import TrainingError
from classifier.training.calibrate import calibrate_model
from classifier.verdict import POSITIVE_LABELS
from ingest.post import Post
from tests.records import ADVERT


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    path = tmp_path / "stream.jsonl"
    texts = [ADVERT, *(f"The bus is late again, number {i}, and it rains" for i in range(40))]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_the_copy_flags_no_more_than_the_budget_and_the_model_stays_as_it_was(stream: Path, tmp_path: Path) -> None:
    before = load_classifier().sha256
    said: list[str] = []
    calibrate_model(SHIPPED_MODEL, stream, 20.0, tmp_path / "mine", said.append)
    advert = Post(id="a", text=ADVERT)
    assert load_classifier().sha256 == before
    assert load_classifier().classify([advert])[0].flagged
    assert not load_classifier(tmp_path / "mine").classify([advert])[0].flagged
    assert "41 posts cannot show 20 flags per million" in said[0]
    assert any("interval" in line for line in said)


def test_without_a_directory_the_thresholds_are_only_reported(stream: Path, tmp_path: Path) -> None:
    said: list[str] = []
    calibrate_model(SHIPPED_MODEL, stream, 500_000.0, None, said.append)
    assert {path.name for path in tmp_path.iterdir()} == {"stream.jsonl"}
    assert [line.partition(":")[0] for line in said] == list(POSITIVE_LABELS)


def test_a_wide_budget_lets_more_through(stream: Path, tmp_path: Path) -> None:
    calibrate_model(SHIPPED_MODEL, stream, 20.0, tmp_path / "strict", lambda _: None)
    calibrate_model(SHIPPED_MODEL, stream, 900_000.0, tmp_path / "wide", lambda _: None)
    strict, wide = read_config(tmp_path / "strict"), read_config(tmp_path / "wide")
    for label in POSITIVE_LABELS:
        assert wide.thresholds[label].default <= strict.thresholds[label].default


def test_a_directory_that_is_there_is_not_overwritten(stream: Path, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_MODEL, tmp_path / "mine")
    with pytest.raises(TrainingError, match="is there already"):
        calibrate_model(SHIPPED_MODEL, stream, 20.0, tmp_path / "mine", lambda _: None)


def test_an_empty_or_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    for name in ("empty.jsonl", "none.jsonl"):
        with pytest.raises(TrainingError, match=name):
            calibrate_model(SHIPPED_MODEL, tmp_path / name, 20.0, None, lambda _: None)
