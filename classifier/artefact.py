"""A model's directory: its files, the sums that guard them, and its config.

`SHA256SUMS` has the format of sha256sum(1), so `sha256sum -c SHA256SUMS` checks a model without this program.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier.errors import ModelError
from classifier.verdict import LABELS, POSITIVE_LABELS, EvidenceKind

SUMS_NAME = "SHA256SUMS"
CONFIG_NAME = "config.json"
FORMAT = 2

TAGS: tuple[str, ...] = ("O", *get_args(EvidenceKind))
"""What the encoder tells apart of each token; 0 is no evidence."""

T = TypeVar("T")


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Platt scaling: probability = 1 / (1 + exp(-(slope · score + intercept))) (Platt 1999)."""

    slope: float
    intercept: float


def probabilities(scores: NDArray[np.float64], calibrations: Sequence[Calibration]) -> NDArray[np.float64]:
    """Turn raw scores, shape [posts, labels], into calibrated probabilities of the same shape."""
    slopes = np.array([each.slope for each in calibrations])
    intercepts = np.array([each.intercept for each in calibrations])
    return np.asarray(1 / (1 + np.exp(-np.clip(slopes * scores + intercepts, -50, 50))), np.float64)


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Probability from which on something is done: for all languages, and for those that have their own."""

    default: float
    by_language: dict[str, float] = {}

    def of(self, language: str) -> float:
        """Return the threshold for a post in `language`."""
        return self.by_language.get(language, self.default)


class ScreenConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights of the screen are stored; the two lists go by `POSITIVE_LABELS`.

    `gates` says, for an operating point, from which probability of either label on a post goes to the encoder, language
    by language; an operating point that is not named sends it every post.
    """

    weights: str
    bits: int
    hash_version: int
    scale: float
    biases: list[float]
    calibrations: list[Calibration]
    gates: dict[str, Thresholds] = {}


class EncoderConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the encoder is stored; `tags` begins with `O`, and `calibrations` go by `POSITIVE_LABELS`."""

    weights: str
    tokenizer: str
    tags: list[str]
    tag_threshold: float
    calibrations: list[Calibration]


class LanguageConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights of the language detector are stored."""

    weights: str
    names: list[str]


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of `config.json`."""

    format: int
    version: str
    labels: list[str]
    thresholds: dict[str, Thresholds]
    screen: ScreenConfig
    language: LanguageConfig
    encoder: EncoderConfig | None = None

    def files(self) -> list[str]:
        """Return the names of the files that hold the weights."""
        names = [self.screen.weights, self.language.weights]
        return [*names, self.encoder.weights, self.encoder.tokenizer] if self.encoder else names


def read_weights(directory: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.int16]:
    """Return one file of a model as an array.

    Raises:
        ModelError: naming the file, if it is no array of whole numbers of that shape.
    """
    path = directory / name
    try:
        weights: NDArray[np.int16] = np.load(io.BytesIO(read_file(directory, name)), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ModelError(f"{path}: not an array: {error}") from error
    if weights.shape != shape or weights.dtype != np.int16:
        raise ModelError(f"{path}: {weights.dtype}{list(weights.shape)} is not what {CONFIG_NAME} says")
    return weights


def read_file(directory: Path, name: str) -> bytes:
    """Return the bytes of one file of a model.

    Raises:
        ModelError: naming the file, if it cannot be read.
    """
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise ModelError(f"{directory / name}: {error.strerror}; the model is incomplete, install it again") from error


def verify(directory: Path) -> str:
    """Check every file of the model in `directory` against its sum.

    Returns:
        The SHA-256 of the list of sums, which stands for the whole model.

    Raises:
        ModelError: naming the first file that is missing, altered, or not listed.
    """
    sums = read_file(directory, SUMS_NAME)
    listed = {}
    for line in sums.decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name or "/" in name or "\0" in name:
            raise ModelError(f"{directory / SUMS_NAME}: not a list of SHA-256 sums: {line[:80]!r}")
        listed[name] = digest
    if CONFIG_NAME not in listed:
        raise ModelError(f"{directory / SUMS_NAME}: {CONFIG_NAME} is not listed; the list is truncated")
    for name, digest in listed.items():
        content = read_file(directory, name)
        if hashlib.sha256(content).hexdigest() != digest:
            raise ModelError(
                f"{directory / name}: its SHA-256 is not the one in {SUMS_NAME}: it is damaged or of another model"
            )
    config = read_config(directory)
    for name in config.files():
        if name not in listed:
            raise ModelError(f"{directory / SUMS_NAME}: {name} is not listed; the list is truncated")
    return hashlib.sha256(sums).hexdigest()


def write_sums(directory: Path) -> None:
    """List the sums of all files in `directory`."""
    names = sorted(path.name for path in directory.iterdir() if path.is_file() and path.name != SUMS_NAME)
    lines = [f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (directory / SUMS_NAME).write_text("".join(lines))


def write_config(directory: Path, config: ModelConfig) -> None:
    """Write a model's config; the list of sums is the caller's to write when all files are there."""
    content = msgspec.json.format(msgspec.json.encode(config), indent=2)
    (directory / CONFIG_NAME).write_bytes(content + b"\n")


def read_config(directory: Path) -> ModelConfig:
    """Read a model's config.

    Raises:
        ModelError: if it is not one that this version reads.
    """
    try:
        config = msgspec.json.decode(read_file(directory, CONFIG_NAME), type=ModelConfig)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{directory / CONFIG_NAME}: {error}") from error
    if config.format != FORMAT:
        raise ModelError(
            f"{directory / CONFIG_NAME}: format {config.format}, this version reads {FORMAT}; update falsepassage"
        )
    each_label = len(POSITIVE_LABELS)
    if (
        config.labels != list(LABELS)
        or not config.thresholds.keys() >= set(POSITIVE_LABELS)
        or not len(config.screen.biases) == len(config.screen.calibrations) == each_label
        or (config.encoder is not None and not _fits(config.encoder))
    ):
        raise ModelError(f"{directory / CONFIG_NAME}: its labels, thresholds or biases are not for {', '.join(LABELS)}")
    return config


def _fits(encoder: EncoderConfig) -> bool:
    return len(encoder.calibrations) == len(POSITIVE_LABELS) and encoder.tags == list(TAGS)
