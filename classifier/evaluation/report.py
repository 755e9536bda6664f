"""An evaluation as a Markdown report with plots, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from classifier.errors import TrainingError
from classifier.evaluation.evaluate import Evaluation, Row
from classifier.evaluation.intervals import Proportion
from classifier.verdict import POSITIVE_LABELS

REPORT_NAME, JSON_NAME = "evaluation.md", "evaluation.json"
RELIABILITY_NAME, LANGUAGES_NAME = "reliability.svg", "languages.svg"

_HEAD = """\
# How good the model is

Model `{version}`, measured by `falsepassage evaluate` on {test:,} posts of our corpus, all of groups that were in no
training split, and on {real:,} real ordinary posts that nothing was trained on. Thresholds rest on the `calibrate`
split and on the real posts, which are the best thing there is to set them by: so the flags on real posts say what the
thresholds were made to keep, not what a stream of other posts will give. Intervals are 95 %: Wilson's, and
Clopper–Pearson's for real posts. The corpus was written for this project and was read by no native speaker of most of
its languages: take its figures as a comparison between systems and languages, and measure your own stream.

"""


def write_report(evaluation: Evaluation, out: Path) -> None:
    """Write report, plots and JSON to the directory `out`.

    Raises:
        TrainingError: if matplotlib is not installed.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / JSON_NAME).write_bytes(msgspec.json.format(msgspec.json.encode(evaluation), indent=1) + b"\n")
    _plot(evaluation, out)
    (out / REPORT_NAME).write_text(render(evaluation))


def read_evaluation(path: Path) -> Evaluation:
    """Read the JSON that `write_report` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Evaluation)


def render(evaluation: Evaluation) -> str:
    """Return the report's Markdown."""
    parts = [
        _HEAD.format(version=evaluation.model_version, test=evaluation.test_posts, real=evaluation.real_posts),
        _systems(evaluation),
        _labels(evaluation),
        _languages(evaluation),
        _kinds("Kinds of advert and promise", "recall", evaluation.kinds),
        _kinds("Harmless kinds, flagged in vain", "flagged", evaluation.look_alikes),
        _disguises(evaluation),
        _real(evaluation),
        _screen(evaluation),
        _rest(evaluation),
    ]
    return "\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def _million(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _row(row: Row) -> list[str]:
    return [
        row.name,
        str(row.recall),
        str(row.recall_of_label),
        str(row.precision),
        str(row.look_alikes_flagged),
        _million(row.flags_per_million),
    ]


def _systems(evaluation: Evaluation) -> str:
    head = [
        "system",
        "recall",
        "with the right label",
        "precision",
        "look-alikes flagged",
        "flags per million real posts",
    ]
    return (
        "## Beside what one would use instead\n\nAll systems have the same budget: 20 flags per million real posts, "
        "and the same share of look-alikes.\nPrecision is that of the corpus, where two posts in five are adverts or "
        "promises; in a stream it is another.\n\n" + _table(head, map(_row, evaluation.systems))
    )


def _labels(evaluation: Evaluation) -> str:
    rows = [
        [label, str(each.recall), str(each.precision), f"{each.calibration_error:.3f}"]
        for label, each in evaluation.labels.items()
    ]
    return (
        "## Labels\n\nA post that gets the other label counts against both.\n\n"
        + _table(["label", "recall", "precision", "calibration error"], rows)
        + f"\n![Reliability of the probabilities]({RELIABILITY_NAME})\n"
    )


def _languages(evaluation: Evaluation) -> str:
    rows = [
        [name, str(row.recall), str(row.precision), str(row.look_alikes_flagged)]
        for name, row in evaluation.languages.items()
    ]
    return (
        "## Languages\n\n"
        + _table(["language", "recall", "precision", "look-alikes flagged"], rows)
        + f"\n![Recall by language]({LANGUAGES_NAME})\n"
    )


def _kinds(title: str, what: str, kinds: Mapping[str, Proportion]) -> str:
    rows = [[kind, f"{each.successes} of {each.trials}", str(each)] for kind, each in kinds.items()]
    return f"## {title}\n\n" + _table(["kind", "posts", what], rows)


def _disguises(evaluation: Evaluation) -> str:
    rows = [[name, str(plain), str(worn)] for name, (plain, worn) in evaluation.disguises.items()]
    return "## Disguises\n\nThe same posts, those that the disguise changes.\n\n" + _table(
        ["disguise", "recall plain", "recall disguised"], rows
    )


def _real(evaluation: Evaluation) -> str:
    if not evaluation.real_posts:
        return ""
    rows = [
        [name, each.trials, each.successes, f"{1e6 * each.lower:.0f}–{1e6 * each.upper:.0f}"]
        for name, each in evaluation.real_languages.items()
    ]
    flags = "".join(
        f"- line {flag.line} of the measured posts: {flag.language}, `{flag.label}`, probability {flag.score:.4f}\n"
        for flag in evaluation.real_flags
    )
    return (
        "## Real posts\n\n"
        + _table(["language", "posts", "flags", "per million, interval"], rows)
        + ("\nThe flags, each to be read before it is called false:\n\n" + flags if flags else "\nNone was flagged.\n")
    )


def _screen(evaluation: Evaluation) -> str:
    rows = [[point, str(each.passed or "–"), str(each.lost)] for point, each in evaluation.screen.items()]
    return (
        "## The screen\n\n`lost` is the share of what the encoder would flag that the screen does not let it see.\n\n"
        + _table(["operating point", "ordinary posts passed", "lost"], rows)
    )


def _rest(evaluation: Evaluation) -> str:
    found, typed = evaluation.evidence, evaluation.evidence_by_kind
    lines = [
        "## Evidence, sameness, speed",
        "",
        (
            f"- Evidence against what is marked, in characters: precision {found.precision:.3f}, "
            f"recall {found.recall:.3f}, F1 {found.f1:.3f}; of the right kind too: F1 {typed.f1:.3f}."
        ),
        f"- Flagged posts with evidence: {evaluation.flagged_with_evidence}.",
    ]
    if evaluation.alone_as_in_a_batch is not None:
        same = evaluation.alone_as_in_a_batch
        lines.append(f"- The same verdict alone and in batches of random order: {same.successes:,} of {same.trials:,}.")
    if evaluation.int8_as_fp32 is not None:
        lines.append(f"- The same decision in int8 and in fp32: {evaluation.int8_as_fp32}.")
    lines += [f"- {name}: {rate:.0f} posts a second." for name, rate in evaluation.posts_per_second.items()]
    return "\n".join(lines) + "\n"


def _plot(evaluation: Evaluation, out: Path) -> None:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise TrainingError("plots need matplotlib; install it: pip install 'falsepassage[train]'") from error
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "falsepassage"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, label="as it should be")
    for label, marker in zip(POSITIVE_LABELS, "os", strict=True):
        bins = evaluation.labels[label].reliability
        axes.plot([b.predicted for b in bins], [b.observed for b in bins], marker=marker, label=label)
    axes.set(xlabel="probability given", ylabel="share that is", title="Reliability", xlim=(0, 1), ylim=(0, 1))
    axes.legend()
    figure.savefig(out / RELIABILITY_NAME, metadata={"Date": None})
    pyplot.close(figure)

    names = list(evaluation.languages)
    recalls = [evaluation.languages[name].recall for name in names]
    middle = [each.ratio or 0.0 for each in recalls]
    figure, axes = pyplot.subplots(figsize=(8, 3.5))
    errors = [
        [m - each.lower for m, each in zip(middle, recalls, strict=True)],
        [each.upper - m for m, each in zip(middle, recalls, strict=True)],
    ]
    axes.errorbar(names, middle, yerr=errors, fmt="o", capsize=3)
    axes.set(ylabel="recall, 95 % interval", title="Recall by language", ylim=(0, 1))
    figure.tight_layout()
    figure.savefig(out / LANGUAGES_NAME, metadata={"Date": None})
    pyplot.close(figure)
