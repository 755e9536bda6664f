"""Corpus and ordinary posts in, a model's directory out."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from classifier import artefact
from classifier.artefact import LanguageConfig, ModelConfig, Thresholds
from classifier.cascade import full_text, load_classifier
from classifier.screen import Screen
from classifier.training import card
from classifier.training.corpus import LabelledPost, labels_of, load_corpus, select
from classifier.training.encoder_examples import ordinary_as_labelled
from classifier.training.gates import Screened, set_gates
from classifier.training.ordinary import OrdinaryPost, as_posts, language_name, read_ordinary, read_own
from classifier.training.screen import ScreenExamples, train_language_detector, train_screen
from classifier.training.thresholds import Scored, set_thresholds
from classifier.verdict import LABELS, NONE, POSITIVE_LABELS

_LOOK_ALIKE_WEIGHT = 0.1
"""How much less a look-alike counts than an ordinary post, in the screen: telling them apart is the encoder's work."""
PASS_SHARES = {"balanced": 0.028, "firehose": 0.0045}
"""Share of ordinary posts that each operating point may pass on, a little below what is promised."""
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingFiles:
    """What a model is made from, and where it and what it was made of go.

    `work` keeps teacher and student, for evaluation; without it the model has no encoder, only the screen.
    """

    corpus: Path
    ordinary: Path | None
    out: Path
    work: Path | None = None
    backbone: str = ""
    student: Path | None = None


def train(files: TrainingFiles, version: str, flags_per_million: float, report: Report, seed: int = 1) -> None:
    """Train screen, language detector and encoder, set gates and thresholds, and write the model's directory.

    Args:
        flags_per_million: the budget of ordinary posts that the thresholds are set for.

    Raises:
        CorpusError, TrainingError: what is wrong with the input.
    """
    corpus = load_corpus(files.corpus)
    ordinary = list(read_own(files.corpus))
    if files.ordinary:
        ordinary += read_ordinary(files.ordinary, "train")
    measured = list(read_ordinary(files.ordinary, "measure")) if files.ordinary else []
    report(f"{len(corpus):,} labelled posts, {len(ordinary):,} ordinary ones")
    names = [post.language for post in corpus] + [language_name(post.lang) for post in ordinary]
    texts = [full_text(post.post) for post in corpus] + [post.text for post in ordinary]
    language_weights, languages = train_language_detector(texts, names)
    report(f"language detector trained: {' '.join(languages)}")
    screen = _train_screen(select(corpus, "train"), ordinary, select(corpus, "calibrate"), seed)
    report("screen trained")
    config = ModelConfig(
        format=artefact.FORMAT,
        version=version,
        labels=list(LABELS),
        thresholds={label: Thresholds(0.5) for label in POSITIVE_LABELS},
        screen=screen.config,
        language=LanguageConfig("language.npy", languages),
    )
    fresh = files.out.with_name(files.out.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    np.save(fresh / config.screen.weights, screen.weights)
    np.save(fresh / config.language.weights, language_weights)
    if files.work is not None:
        config = _add_encoder(files, fresh, config, corpus, ordinary, report)
    config = _set_policy(fresh, config, select(corpus, "calibrate"), measured or ordinary, flags_per_million, report)
    artefact.write_config(fresh, config)
    (fresh / "README.md").write_text(card.render(config, corpus, len(ordinary)))
    artefact.write_sums(fresh)
    load_classifier(fresh)
    shutil.rmtree(files.out, ignore_errors=True)
    fresh.rename(files.out)
    report(f"written to {files.out}")


def _train_screen(
    posts: Sequence[LabelledPost], ordinary: Sequence[OrdinaryPost], held: Sequence[LabelledPost], seed: int
) -> Screen:
    rng = random.Random(seed)  # noqa: S311  # no secret
    harmless = [ordinary_as_labelled(post.text, post.lang, rng).post.text or "" for post in ordinary]
    # Tweets are short, and a longer post must not look odd for its length.
    harmless += [f"{one} {other}" for one, other in zip(harmless[::4], harmless[1::4], strict=False)]
    texts = [full_text(post.post) for post in posts] + harmless
    labels = np.append(labels_of(posts), np.full(len(harmless), NONE, np.int8))
    look_alike = [post.label == "none" and post.kind != "ordinary" for post in posts] + [False] * len(harmless)
    weights = np.where(look_alike, _LOOK_ALIKE_WEIGHT, 1.0)
    held_out = ScreenExamples([full_text(post.post) for post in held], labels_of(held), np.ones(len(held)))
    return train_screen(ScreenExamples(texts, labels, weights), held_out, seed=seed)


def _add_encoder(
    files: TrainingFiles,
    fresh: Path,
    config: ModelConfig,
    corpus: Sequence[LabelledPost],
    ordinary: Sequence[OrdinaryPost],
    report: Report,
) -> ModelConfig:
    from classifier.training.backbone import ASSEMBLED
    from classifier.training.encoder_export import export
    from classifier.training.encoder_train import STUDENT, train_encoder

    assert files.work is not None
    trained = files.student
    if trained is None:
        train_encoder(
            files.work,
            select(corpus, "train"),
            ordinary,
            report,
            backbone=files.backbone or ASSEMBLED,
            always=sum(1 for _ in read_own(files.corpus)),
        )
        trained = files.work / STUDENT
    encoder, drift = export(trained, fresh, select(corpus, "train"), select(corpus, "calibrate"), report)
    report(
        f"int8 decides as fp32 does on {drift.agreement:.2%} of {drift.posts:,} posts; largest difference of a logit "
        f"{drift.largest:.3f}, standard deviation of the logits {drift.spread:.2f}"
    )
    return msgspec.structs.replace(config, encoder=encoder)


def _set_policy(
    fresh: Path,
    config: ModelConfig,
    held: Sequence[LabelledPost],
    harmless: Sequence[OrdinaryPost],
    flags_per_million: float,
    report: Report,
) -> ModelConfig:
    """Set gates and thresholds on posts that nothing was learnt from."""
    artefact.write_config(fresh, config)
    artefact.write_sums(fresh)
    common = as_posts(harmless)
    classifier = load_classifier(fresh, "all")
    if config.encoder is not None:
        seen, wanted = (
            classifier.languages_and_screen(posts)
            for posts in (common, [post.post for post in held if post.label != "none"])
        )
        gates = set_gates(Screened(*seen[:2]), Screened(*wanted[:2]), seen[2], PASS_SHARES)
        config = msgspec.structs.replace(config, screen=msgspec.structs.replace(config.screen, gates=gates))
    report(f"reading {len(common):,} ordinary posts for the thresholds")
    thresholds, notes = set_thresholds(
        Scored.of(classifier, common),
        flags_per_million,
        positives=(Scored.of(classifier, [post.post for post in held]), [post.label for post in held]),
    )
    for note in notes:
        report(note)
    return msgspec.structs.replace(config, thresholds=thresholds)
