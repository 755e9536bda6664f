"""A model's directory: what is not as it was made is refused, by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier import artefact
from classifier.cascade import SHIPPED_MODEL, load_classifier
from classifier.errors import ModelError

FILES = ["README.md", "config.json", "encoder.onnx", "language.npy", "screen.npy", "tokenizer.json"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))


@pytest.fixture
def light(model: Path) -> Path:
    """A copy whose encoder is a few bytes: enough where only sums are looked at, and quick to sum up."""
    (model / "encoder.onnx").write_bytes(b"onnx")
    artefact.write_sums(model)
    return model


def _refused(model: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_classifier(model)
    return str(caught.value)


def _change_config(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((model / "config.json").read_bytes())
    change(config)
    (model / "config.json").write_text(json.dumps(config))
    artefact.write_sums(model)


def test_a_copy_of_the_shipped_model_loads(model: Path) -> None:
    assert load_classifier(model).sha256 == load_classifier().sha256


@pytest.mark.parametrize("name", FILES)
def test_an_altered_file_is_refused(model: Path, name: str) -> None:
    content = bytearray((model / name).read_bytes())
    content[len(content) // 2] ^= 1
    (model / name).write_bytes(content)
    assert str(model / name) in _refused(model)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused(model: Path, name: str) -> None:
    (model / name).write_bytes((model / name).read_bytes()[:-1])
    assert str(model / name) in _refused(model)


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
def test_a_missing_file_is_refused(model: Path, name: str) -> None:
    (model / name).unlink()
    assert str(model / name) in _refused(model)


def test_a_missing_directory_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path / "none") in _refused(tmp_path / "none")


@pytest.mark.parametrize("name", ["config.json", "encoder.onnx", "language.npy", "screen.npy", "tokenizer.json"])
def test_a_file_that_is_not_listed_is_refused(model: Path, name: str) -> None:
    sums = (model / "SHA256SUMS").read_text().splitlines(keepends=True)
    (model / "SHA256SUMS").write_text("".join(line for line in sums if not line.endswith(f"{name}\n")))
    message = _refused(model)
    assert "SHA256SUMS" in message
    assert name in message


@pytest.mark.parametrize("change", [b"\0", b"x", b"/", b"\n", b" ", b"\xff"])
def test_altered_sums_are_refused(light: Path, change: bytes) -> None:
    sums = (light / "SHA256SUMS").read_bytes()
    for at in range(0, len(sums) - 1, 3):
        if sums[at : at + 1] != change:
            (light / "SHA256SUMS").write_bytes(sums[:at] + change + sums[at + 1 :])
            assert str(light) in _refused(light)


@pytest.mark.parametrize("length", [0, 1, 64, 66, 80, 155, 230])
def test_truncated_sums_are_refused(light: Path, length: int) -> None:
    sums = (light / "SHA256SUMS").read_bytes()
    (light / "SHA256SUMS").write_bytes(sums[:length])
    assert str(light) in _refused(light)


@pytest.mark.parametrize("number", [0, 1, 99])
def test_another_format_is_refused(model: Path, number: int) -> None:
    _change_config(model, lambda config: config.update(format=number))
    message = _refused(model)
    assert str(model / "config.json") in message
    assert f"format {number}" in message


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda config: config.update(colour="red"), id="unknown field"),
        pytest.param(lambda config: config["screen"].update(colour="red"), id="unknown field inside"),
        pytest.param(lambda config: config.pop("version"), id="missing field"),
        pytest.param(lambda config: config.update(format="1"), id="wrong type"),
        pytest.param(lambda config: config["labels"].reverse(), id="labels in another order"),
        pytest.param(lambda config: config["thresholds"].pop("false_promise"), id="a label without threshold"),
        pytest.param(lambda config: config["screen"]["biases"].pop(), id="a label without bias"),
        pytest.param(lambda config: config["screen"]["calibrations"].pop(), id="a label without calibration"),
        pytest.param(lambda config: config["encoder"]["calibrations"].pop(), id="an encoder that lacks one"),
        pytest.param(lambda config: config["encoder"]["tags"].reverse(), id="tags in another order"),
    ],
)
def test_a_config_of_another_shape_is_refused(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    _change_config(model, change)
    assert str(model / "config.json") in _refused(model)


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": "\xff"}', b"[]"])
def test_a_config_that_is_not_json_is_refused(model: Path, content: bytes) -> None:
    (model / "config.json").write_bytes(content)
    artefact.write_sums(model)
    assert str(model / "config.json") in _refused(model)


@pytest.mark.parametrize("name", ["language.npy", "screen.npy"])
@pytest.mark.parametrize("content", ["empty", "text", "float", "short"])
def test_weights_that_are_not_what_the_config_says_are_refused(model: Path, name: str, content: str) -> None:
    weights = np.load(model / name)
    if content == "empty":
        (model / name).write_bytes(b"")
    elif content == "text":
        (model / name).write_bytes(b"not an array")
    else:
        np.save(model / name, weights.astype(np.float32) if content == "float" else weights[:, :-1])
    artefact.write_sums(model)
    assert str(model / name) in _refused(model)


def test_another_hash_of_ngrams_is_refused(model: Path) -> None:
    _change_config(model, lambda config: config["screen"].update(hash_version=2))
    assert "n-gram hash 2" in _refused(model)


def test_the_sums_are_those_of_sha256sum(model: Path) -> None:
    shipped = (model / "SHA256SUMS").read_bytes()
    artefact.write_sums(model)
    assert (model / "SHA256SUMS").read_bytes() == shipped


def test_a_language_without_its_own_threshold_has_the_default() -> None:
    thresholds = artefact.Thresholds(0.8, {"tr": 0.6})
    assert (thresholds.of("tr"), thresholds.of("en"), thresholds.of("und")) == (0.6, 0.8, 0.8)


@pytest.mark.parametrize("content", [b"", b"not a network"])
def test_an_encoder_that_is_not_one_is_refused(model: Path, content: bytes) -> None:
    (model / "encoder.onnx").write_bytes(content)
    artefact.write_sums(model)
    assert str(model / "encoder.onnx") in _refused(model)
