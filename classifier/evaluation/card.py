"""What was measured, put on the model's card."""

from __future__ import annotations

from pathlib import Path

from classifier import artefact
from classifier.evaluation.evaluate import Evaluation
from classifier.training import card
from classifier.training.corpus import load_corpus

PROVEN_RECALL, PROVEN_POSTS, PROVEN_REAL, THIN_POSTS = 0.8, 100, 1_000, 40


def standings(evaluation: Evaluation) -> dict[str, str]:
    """Say of each language whether it is proven, thin or unproven, as the card defines it."""
    found = {}
    for language, row in evaluation.languages.items():
        real = evaluation.real_languages.get(language)
        if (
            row.recall.lower >= PROVEN_RECALL
            and row.recall.trials >= PROVEN_POSTS
            and real is not None
            and real.trials >= PROVEN_REAL
        ):
            found[language] = "proven"
        else:
            found[language] = "thin" if row.recall.trials >= THIN_POSTS else "unproven"
    return found


def put_on_card(evaluation: Evaluation, model: Path, corpus: Path, ordinary: int) -> None:
    """Write the card of the model in `model` anew, and its list of sums."""
    text = card.render(artefact.read_config(model), load_corpus(corpus), ordinary, standings(evaluation))
    (model / "README.md").write_text(text)
    artefact.write_sums(model)
