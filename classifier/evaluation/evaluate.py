"""Measure a model on the test groups of the corpus and on real ordinary posts, beside what one would use instead."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier.artefact import probabilities, read_config
from classifier.cascade import Cascade, OperatingPoint, load_classifier
from classifier.evaluation.baselines import Scorer, keyword_scorer, tfidf_scorer
from classifier.evaluation.intervals import Proportion, clopper_pearson, wilson
from classifier.evaluation.measures import Bin, Overlap, calibration_error, reliability, span_overlap
from classifier.policy import Policy
from classifier.training.corpus import CORPUS, LabelledPost, labels_of, load_corpus, select
from classifier.training.disguise import DISGUISES, disguise_post
from classifier.training.encoder_train import STUDENT, TEACHER
from classifier.training.ordinary import OrdinaryPost, as_posts, language_name, read_ordinary
from classifier.training.thresholds import CHUNK, Scored, set_thresholds
from classifier.verdict import LABELS, NONE, POSITIVE_LABELS, Evidence, Verdict
from ingest.post import Post

_TEACHER_READS = 20
POINTS: tuple[OperatingPoint, ...] = get_args(OperatingPoint)
Report = Callable[[str], None]


class Row(msgspec.Struct, frozen=True):
    """A system: what it finds, what of that has the right label, and what it flags in vain."""

    name: str
    recall: Proportion
    recall_of_label: Proportion
    precision: Proportion
    look_alikes_flagged: Proportion
    real_flagged: Proportion | None
    flags_per_million: float | None


class PerLabel(msgspec.Struct, frozen=True):
    """One label: a flag with the other label counts against both."""

    precision: Proportion
    recall: Proportion
    calibration_error: float
    reliability: list[Bin]


class RealFlag(msgspec.Struct, frozen=True):
    """A flag on a real post; its text is not ours to print."""

    line: int
    language: str
    label: str
    score: float


class ScreenAt(msgspec.Struct, frozen=True):
    """The screen at one operating point: what it passes on, and what it loses."""

    passed: Proportion | None
    lost: Proportion


class Evaluation(msgspec.Struct, frozen=True):
    """All that is measured; `docs/evaluation/evaluation.md` is this in words and pictures."""

    model_version: str
    sha256: str
    test_posts: int
    real_posts: int
    learnt_posts: int
    """Ordinary posts of the same file that training used."""
    systems: list[Row]
    labels: dict[str, PerLabel]
    languages: dict[str, Row]
    kinds: dict[str, Proportion]
    look_alikes: dict[str, Proportion]
    disguises: dict[str, tuple[Proportion, Proportion]]
    real_languages: dict[str, Proportion]
    real_flags: list[RealFlag]
    screen: dict[str, ScreenAt]
    evidence: Overlap
    evidence_by_kind: Overlap
    flagged_with_evidence: Proportion
    alone_as_in_a_batch: Proportion | None
    int8_as_fp32: Proportion | None
    posts_per_second: dict[str, float]


@dataclass(frozen=True, slots=True)
class EvaluationFiles:
    """What is measured, and on what.

    `work` is where training kept teacher and student: with it the two are measured too.
    """

    model: Path
    corpus: Path = CORPUS
    real: Path | None = None
    work: Path | None = None
    alone: int = 0
    """How many real posts are judged alone too, to compare with the same in a batch."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Posts as judged: `labels` [posts], indexes into `LABELS`; `scores` [posts, 2]; evidence of the flagged."""

    labels: NDArray[np.int8]
    scores: NDArray[np.float64]
    evidence: dict[int, list[Evidence]]


def judge(classifier: Cascade, posts: Sequence[Post], report: Report = lambda _: None) -> Judged:
    """Classify `posts` chunk by chunk."""
    labels: list[NDArray[np.int8]] = []
    scores: list[NDArray[np.float64]] = []
    evidence: dict[int, list[Evidence]] = {}
    began = time.monotonic()
    for at in range(0, len(posts), CHUNK):
        verdicts = classifier.classify(posts[at : at + CHUNK])
        labels.append(verdicts.labels)
        scores.append(verdicts.scores)
        evidence |= {at + i: found for i, (found, _) in verdicts.details.items()}
        done = min(at + CHUNK, len(posts))
        if done % (5 * CHUNK) == 0:
            report(f"{done:,} of {len(posts):,} posts read, {done / (time.monotonic() - began):.0f} a second")
    if not labels:
        return Judged(np.zeros(0, np.int8), np.zeros((0, 2)), {})
    return Judged(np.concatenate(labels), np.concatenate(scores), evidence)


def evaluate(files: EvaluationFiles, report: Report) -> Evaluation:
    """Measure the model; takes some minutes for each 50,000 real posts.

    Raises:
        CorpusError, ModelError, TrainingError: what is wrong with the input.
    """
    corpus = load_corpus(files.corpus)
    test = select(corpus, "test")
    posts = [post.post for post in test]
    real = list(read_ordinary(files.real, "measure")) if files.real else []
    common = as_posts(real)
    learnt = list(read_ordinary(files.real, "train")) if files.real else []
    points = {point: load_classifier(files.model, point) for point in POINTS}
    served = points["all"]
    report(f"{len(posts):,} test posts, {len(common):,} real ones")
    on_test, on_real = judge(served, posts), judge(served, common, report)
    passes = {point: (each.passes(posts), each.passes(common)) for point, each in points.items()}
    truth = labels_of(test)
    rows = []
    for point in POINTS:
        seen, seen_real = passes[point]
        labels = np.where(seen, on_test.labels, NONE)
        rows.append(_row(f"False Passage, {point}", test, labels, np.where(seen_real, on_real.labels, NONE)))
    rows += _rivals(files, served, corpus, learnt, test, real, report)
    return Evaluation(
        model_version=served.version,
        sha256=served.sha256,
        test_posts=len(test),
        real_posts=len(real),
        learnt_posts=len(learnt),
        systems=rows,
        labels={label: _per_label(i, truth, on_test) for i, label in enumerate(POSITIVE_LABELS)},
        languages={
            name: _row(name, *_where([post.language == name for post in test], test, on_test.labels), None)
            for name in sorted({post.language for post in test})
        },
        kinds=_shares(test, on_test.labels != NONE, lambda post: post.label != "none"),
        look_alikes=_shares(test, on_test.labels != NONE, lambda post: post.label == "none"),
        disguises=_disguised(served, test, on_test.labels),
        real_languages=_by_language(real, on_real.labels != NONE),
        real_flags=[
            RealFlag(i, real[i].lang, LABELS[on_real.labels[i]], round(float(on_real.scores[i].max()), 6))
            for i in np.flatnonzero(on_real.labels != NONE).tolist()
        ],
        screen={point: _screen_at(*passes[point], truth, on_test.labels) for point in POINTS[1:]},
        evidence=_evidence(test, on_test),
        evidence_by_kind=_evidence(test, on_test, by_kind=True),
        flagged_with_evidence=wilson(sum(map(bool, on_test.evidence.values())), len(on_test.evidence)),
        alone_as_in_a_batch=_alone(served, [*posts, *common[: files.alone]], report) if files.alone else None,
        int8_as_fp32=_int8_as_fp32(files, served, posts, on_test, report),
        posts_per_second=_speed(files, served, common or posts, report),
    )


def _row(name: str, test: Sequence[LabelledPost], labels: NDArray[np.int8], on_real: NDArray[np.int8] | None) -> Row:
    truth = labels_of(test)
    flagged, positive = labels != NONE, truth != NONE
    look_alike = np.array([post.label == "none" and post.kind != "ordinary" for post in test], bool)
    real = None if on_real is None or not len(on_real) else clopper_pearson(int((on_real != NONE).sum()), len(on_real))
    return Row(
        name,
        wilson(int((flagged & positive).sum()), int(positive.sum())),
        wilson(int((positive & (labels == truth)).sum()), int(positive.sum())),
        wilson(int((flagged & positive).sum()), int(flagged.sum())),
        wilson(int((flagged & look_alike).sum()), int(look_alike.sum())),
        real,
        None if real is None or real.ratio is None else 1e6 * real.ratio,
    )


def _where(
    chosen: Iterable[bool], test: Sequence[LabelledPost], labels: NDArray[np.int8]
) -> tuple[list[LabelledPost], NDArray[np.int8]]:
    places = [i for i, each in enumerate(chosen) if each]
    return [test[i] for i in places], labels[places]


def _per_label(i: int, truth: NDArray[np.int8], judged: Judged) -> PerLabel:
    given, true = judged.labels == i, truth == i
    bins = reliability(judged.scores[:, i], true)
    return PerLabel(
        wilson(int((given & true).sum()), int(given.sum())),
        wilson(int((given & true).sum()), int(true.sum())),
        calibration_error(bins),
        bins,
    )


def _shares(
    test: Sequence[LabelledPost], flagged: NDArray[np.bool_], of: Callable[[LabelledPost], bool]
) -> dict[str, Proportion]:
    found: dict[str, list[bool]] = {}
    for post, flag in zip(test, flagged.tolist(), strict=True):
        if of(post):
            found.setdefault(post.kind, []).append(flag)
    return {kind: wilson(sum(flags), len(flags)) for kind, flags in sorted(found.items())}


def _by_language(real: Sequence[OrdinaryPost], flagged: NDArray[np.bool_]) -> dict[str, Proportion]:
    found: dict[str, list[bool]] = {}
    for post, flag in zip(real, flagged.tolist(), strict=True):
        found.setdefault(language_name(post.lang), []).append(flag)
    return {language: clopper_pearson(sum(flags), len(flags)) for language, flags in sorted(found.items())}


def _disguised(
    classifier: Cascade, test: Sequence[LabelledPost], labels: NDArray[np.int8]
) -> dict[str, tuple[Proportion, Proportion]]:
    """Return, for each disguise, the recall of the positive posts that it changes: plain, and disguised."""
    rng = random.Random(7)  # noqa: S311  # no secret
    positive = [
        (post, label != NONE) for post, label in zip(test, labels.tolist(), strict=True) if post.label != "none"
    ]
    found = {}
    for name, edit in DISGUISES.items():
        pairs = [(disguise_post(post, edit, rng), post, flag) for post, flag in positive]
        changed = [(worn.post, flag) for worn, post, flag in pairs if worn.post != post.post]
        flags = judge(classifier, [post for post, _ in changed]).labels != NONE
        found[name] = (wilson(sum(flag for _, flag in changed), len(changed)), wilson(int(flags.sum()), len(changed)))
    return found


def _screen_at(
    seen: NDArray[np.bool_], seen_real: NDArray[np.bool_], truth: NDArray[np.int8], labels: NDArray[np.int8]
) -> ScreenAt:
    found = (truth != NONE) & (labels != NONE)
    return ScreenAt(
        clopper_pearson(int(seen_real.sum()), len(seen_real)) if len(seen_real) else None,
        wilson(int((found & ~seen).sum()), int(found.sum())),
    )


def _evidence(test: Sequence[LabelledPost], judged: Judged, *, by_kind: bool = False) -> Overlap:
    """Of the flagged posts that are adverts or promises."""
    pairs = [(test[i], found) for i, found in judged.evidence.items() if test[i].label != "none"]
    return span_overlap(pairs, by_kind=by_kind)


def _alone(classifier: Cascade, posts: Sequence[Post], report: Report) -> Proportion:
    report(f"judging {len(posts):,} posts alone, and the same in batches of random order")
    order = random.Random(3).sample(range(len(posts)), len(posts))  # noqa: S311  # no secret
    together: dict[int, Verdict] = {}
    for at in range(0, len(order), 500):
        part = order[at : at + 500]
        together |= dict(zip(part, classifier.classify([posts[i] for i in part]), strict=True))
    same = sum(classifier.classify([post])[0] == together[i] for i, post in enumerate(posts))
    return wilson(same, len(posts))


# Others, for comparison ---------------------------------------------------------------------------------------------


def _rivals(
    files: EvaluationFiles,
    served: Cascade,
    corpus: Sequence[LabelledPost],
    learnt: Sequence[OrdinaryPost],
    test: Sequence[LabelledPost],
    real: Sequence[OrdinaryPost],
    report: Report,
) -> list[Row]:
    systems: dict[str, Scorer] = {
        "list of words": keyword_scorer(),
        "TF-IDF and logistic regression": tfidf_scorer(select(corpus, "train"), learnt),
        "the screen alone": lambda posts: served.languages_and_screen(posts)[1],
    }
    if files.work is not None:
        systems[f"all layers of the encoder (every {_TEACHER_READS}th real post)"] = _network(files.work / TEACHER)
    rows = []
    for name, scorer in systems.items():
        report(f"measuring {name}")
        # the large network reads some 60 posts a second: a part of the real ones must do
        some = real[::_TEACHER_READS] if "all layers" in name else real
        rows.append(_rival(name, scorer, select(corpus, "calibrate"), test, some))
    return rows


def _network(directory: Path) -> Scorer:
    from classifier.evaluation.teacher import network_scorer

    scorer = network_scorer(directory)
    return lambda posts: 1 / (1 + np.exp(-scorer(posts)))


def _rival(
    name: str, scorer: Scorer, held: Sequence[LabelledPost], test: Sequence[LabelledPost], real: Sequence[OrdinaryPost]
) -> Row:
    """Measure a system with thresholds set as ours are, for 20 flags per million."""
    common = scorer(as_posts(real)) if real else np.zeros((0, 2))
    look = scorer([post.post for post in held])
    thresholds, _ = set_thresholds(
        Scored(common, np.zeros(len(common), np.int8), ["und"]),
        20.0,
        (Scored(look, np.zeros(len(look), np.int8), ["und"]), [post.label for post in held]),
        lowest=0.0,
    )
    limits = np.array([thresholds[label].default for label in POSITIVE_LABELS])

    def labels(scores: NDArray[np.float64]) -> NDArray[np.int8]:
        reached = scores >= limits
        return np.where(reached.any(axis=1), (scores - limits).argmax(axis=1), NONE).astype(np.int8)

    return _row(name, test, labels(scorer([post.post for post in test])), labels(common))


def _int8_as_fp32(
    files: EvaluationFiles, served: Cascade, posts: Sequence[Post], judged: Judged, report: Report
) -> Proportion | None:
    """Compare decisions at the served thresholds: the served model, and the same network in fp32 by torch."""
    config = read_config(files.model)
    if files.work is None or config.encoder is None:
        return None
    from classifier.evaluation.teacher import network_scorer

    report("comparing int8 with fp32")
    exact = probabilities(network_scorer(files.work / STUDENT)(posts), config.encoder.calibrations)
    languages, _, names = served.languages_and_screen(posts)
    labels, _ = Policy(config.thresholds, names).decide(exact, languages)
    return wilson(int((labels == judged.labels).sum()), len(posts))


def _speed(files: EvaluationFiles, served: Cascade, posts: Sequence[Post], report: Report) -> dict[str, float]:
    """Posts a second on the same posts in the same run, each timed three times in turn, the median."""
    some = random.Random(5).sample(list(posts), min(len(posts), 1_500))  # noqa: S311  # no secret
    report("measuring speed")

    def once() -> float:
        began = time.perf_counter()
        served.classify(some)
        return len(some) / (time.perf_counter() - began)

    found: dict[str, list[float]] = {"False Passage, all": []}
    for _ in range(3):
        found["False Passage, all"].append(once())
        if files.work is not None:
            from classifier.evaluation.teacher import pipeline_speed

            name = "the encoder with 12 layers, in a transformers pipeline, fp32"
            texts = [post.text or "" for post in some[:500]]
            found.setdefault(name, []).append(pipeline_speed(files.work / TEACHER, texts, threads=2))
    return {name: float(np.median(rates)) for name, rates in found.items()}
