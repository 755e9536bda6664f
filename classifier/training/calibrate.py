"""Thresholds for a stream of one's own: a budget of flags, and posts to measure it on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from classifier import artefact
from classifier.cascade import load_classifier
from classifier.errors import TrainingError
from classifier.training.ordinary import as_posts, read_all
from classifier.training.thresholds import Scored, set_thresholds


def calibrate_model(
    model: Path, posts: Path, flags_per_million: float, out: Path | None, report: Callable[[str], None]
) -> None:
    """Set thresholds that ordinary posts like `posts` reach as often as the budget says.

    Args:
        posts: JSON lines with `text`, of a stream in which next to nothing is an advert: what is one counts as a flag
            in vain, so the thresholds are a little too high rather than too low.
        out: directory for a copy of the model with these thresholds; without one they are only reported.

    Raises:
        ModelError, TrainingError: what is wrong with the input.
    """
    common = as_posts(list(read_all(posts)))
    if not common:
        raise TrainingError(f"{posts}: there are no posts in it")
    if len(common) * flags_per_million < 1e6:
        needed = int(1e6 / max(flags_per_million, 1e-9))
        report(
            f"{len(common):,} posts cannot show {flags_per_million:g} flags per million: the thresholds are put above "
            f"the highest score among them. {needed:,} posts or more would show it."
        )
    thresholds, notes = set_thresholds(Scored.of(load_classifier(model, "all"), common), flags_per_million)
    for note in notes:
        report(note)
    if out is None:
        return
    if out.exists():
        raise TrainingError(f"{out}: is there already; name a directory that is not")
    shutil.copytree(model, out)
    artefact.write_config(out, msgspec.structs.replace(artefact.read_config(out), thresholds=thresholds))
    artefact.write_sums(out)
    load_classifier(out)
    report(f"written to {out}; use it with FALSEPASSAGE_MODEL={out}")
