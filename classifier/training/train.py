"""Corpus and ordinary posts in, a model's directory out."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier import artefact
from classifier.artefact import LanguageConfig, ModelConfig, Thresholds
from classifier.cascade import full_text, load_classifier
from classifier.errors import TrainingError
from classifier.screen import Screen
from classifier.training import card
from classifier.training.corpus import LabelledPost, load_corpus, select
from classifier.training.screen import train_language_detector, train_screen
from classifier.verdict import LABELS, NONE, POSITIVE_LABELS

_LANGUAGE_NAMES = {"arq": "ar", "ary": "ar", "twi": "ak"}
"""Data sets that name a dialect, and the tag we count it under."""
_ORDINARY_WEIGHT = 1.0
_LOOK_ALIKE_SHARE = 0.02
Report = Callable[[str], None]


class OrdinaryPost(msgspec.Struct, frozen=True):
    """A line of a file of ordinary posts; other fields are ignored."""

    text: str
    lang: str = "und"
    split: str = "train"


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """What a model is made from."""

    corpus: Path
    ordinary: Path | None
    out: Path


def read_ordinary(path: Path, split: str) -> Iterator[OrdinaryPost]:
    """Yield the posts of a JSON-lines file, plain or gzip, that belong to `split`; those that say nothing are `train`.

    Raises:
        TrainingError: naming the line that is not one.
    """
    decoder = msgspec.json.Decoder(OrdinaryPost)
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                post = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise TrainingError(
                    f"{path}:{number}: {error}; wanted are lines like {{'text': …, 'lang': …}}"
                ) from error
            if post.split == split:
                yield post


def train(files: TrainingFiles, version: str, flags_per_million: float, report: Report, seed: int = 1) -> None:
    """Train screen and language detector and write the model's directory.

    Args:
        flags_per_million: the budget that the thresholds are set for.

    Raises:
        CorpusError, TrainingError: what is wrong with the input.
    """
    corpus = load_corpus(files.corpus)
    ordinary = list(read_ordinary(files.ordinary, "train")) if files.ordinary else []
    measured = list(read_ordinary(files.ordinary, "measure")) if files.ordinary else []
    report(f"{len(corpus):,} labelled posts, {len(ordinary):,} ordinary ones")
    np.random.default_rng(seed).shuffle(ordinary)
    half = len(ordinary) // 2
    learnt, held = _with_pairs(ordinary[:half]), _with_pairs(ordinary[half:])

    screen = _fit(select(corpus, "train"), learnt, select(corpus, "calibrate"), held, seed)
    report("screen trained")
    names = [post.language for post in corpus] + [_language(post.lang) for post in ordinary]
    texts = [full_text(post.post) for post in corpus] + [post.text for post in ordinary]
    language_weights, languages = train_language_detector(texts, names)
    report(f"language detector trained: {' '.join(languages)}")
    thresholds = _thresholds(screen, select(corpus, "calibrate"), [*held, *measured], flags_per_million)

    config = ModelConfig(
        format=artefact.FORMAT,
        version=version,
        labels=list(LABELS),
        thresholds=thresholds,
        screen=screen.config,
        language=LanguageConfig("language.npy", languages),
    )
    _write(files.out, config, screen, language_weights, card.render(config, corpus, ordinary))
    load_classifier(files.out)
    report(f"written to {files.out}")


def _with_pairs(posts: Sequence[OrdinaryPost]) -> list[OrdinaryPost]:
    """Add each two neighbours as one post: tweets are short, and a longer post must not look odd for its length."""
    pairs = zip(posts[::2], posts[1::2], strict=False)
    return [*posts, *(OrdinaryPost(f"{one.text} {other.text}", one.lang) for one, other in pairs)]


def _fit(
    posts: Sequence[LabelledPost],
    ordinary: Sequence[OrdinaryPost],
    held_posts: Sequence[LabelledPost],
    held_ordinary: Sequence[OrdinaryPost],
    seed: int,
) -> Screen:
    texts, labels, weights = _examples(posts, ordinary)
    return train_screen(texts, labels, weights, _examples(held_posts, held_ordinary), seed=seed)


def _examples(
    posts: Sequence[LabelledPost], ordinary: Sequence[OrdinaryPost]
) -> tuple[list[str], NDArray[np.int8], NDArray[np.float64]]:
    texts = [full_text(post.post) for post in posts] + [post.text for post in ordinary]
    labels = np.array([LABELS.index(post.label) for post in posts] + [NONE] * len(ordinary), np.int8)
    weights = np.array([1.0] * len(posts) + [_ORDINARY_WEIGHT] * len(ordinary))
    return texts, labels, weights


def _thresholds(
    screen: Screen, posts: Sequence[LabelledPost], ordinary: Sequence[OrdinaryPost], flags_per_million: float
) -> dict[str, Thresholds]:
    """Set each label's threshold: ordinary posts it has not learnt from stay within half the budget, and of the
    look-alikes, which share every word with an advert, at most `_LOOK_ALIKE_SHARE` get it.

    A budget finer than the ordinary posts can show is met by the highest score among them.
    """
    look_alikes = screen.probabilities(screen.score([full_text(post.post) for post in posts if post.label == "none"]))
    common = screen.probabilities(screen.score([post.text for post in ordinary])) if ordinary else look_alikes
    share = 1 - flags_per_million / len(POSITIVE_LABELS) / 1e6
    found: dict[str, Thresholds] = {}
    for i, label in enumerate(POSITIVE_LABELS):
        needed = max(
            float(np.quantile(common[:, i], share, method="higher")),
            float(np.quantile(look_alikes[:, i], 1 - _LOOK_ALIKE_SHARE, method="higher")),
        )
        found[label] = Thresholds(round(min(max(needed + 1e-6, 0.5), 0.999), 6))
    return found


def _language(name: str) -> str:
    return _LANGUAGE_NAMES.get(name, name)


def _write(out: Path, config: ModelConfig, screen: Screen, language_weights: NDArray[np.int16], text: str) -> None:
    fresh = out.with_name(out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    np.save(fresh / config.screen.weights, screen.weights)
    np.save(fresh / config.language.weights, language_weights)
    (fresh / artefact.CONFIG_NAME).write_bytes(msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n")
    (fresh / "README.md").write_text(text)
    artefact.write_sums(fresh)
    shutil.rmtree(out, ignore_errors=True)
    fresh.rename(out)
