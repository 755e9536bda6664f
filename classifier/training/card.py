"""The model card of a trained model (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from classifier.artefact import ModelConfig
from classifier.training.corpus import LabelledPost

_TEXT = """\
---
license: cc-by-4.0
language: [{languages}]
tags: [text-classification, content-moderation]
---
# False Passage {version}: the first classifier

A linear model over hashed character n-grams. It is small, quick and honest about what it is: it knows words, not
meanings, and cannot tell an advert from a newspaper that quotes it. It is the first tier of what is to come.

**Made from** {posts:,} posts of our own corpus (CC BY 4.0) and {ordinary:,} ordinary posts, those of the file passed
to the training command as `--ordinary`; for the shipped model they are the halves for training of
AfriSenti (SemEval-2023 task 12, CC BY 4.0) and XLM-T (Apache-2.0).

| language | adverts | false promises | harmless |
|---|---|---|---|
{table}

**For** a queue of posts that people then decide about. **Not for** any decision without a person: not for removing
posts or accounts, not for judging an asylum claim, not for finding people. Who is harmed by a false flag: asylum
seekers, journalists, rescuers and lawful businesses, whose posts share each word with an advert.

**Thresholds** {thresholds}, set on ordinary posts that were not learnt from (those
of the file's `train` half that were held out, and its `measure` half), for a budget of flags per million of them.
"""


def render(config: ModelConfig, corpus: Sequence[LabelledPost], ordinary: Sequence[Any]) -> str:
    """Return the card's Markdown."""
    counts: dict[str, Counter[str]] = {}
    for post in corpus:
        counts.setdefault(post.language, Counter())[post.label] += 1
    table = "\n".join(
        f"| {language} | {found['smuggling_advert']} | {found['false_promise']} | {found['none']} |"
        for language, found in sorted(counts.items())
    )
    return _TEXT.format(
        languages=", ".join(sorted(counts)),
        version=config.version,
        posts=len(corpus),
        ordinary=len(ordinary),
        table=table,
        thresholds=", ".join(f"{label} {found.default:.3f}" for label, found in config.thresholds.items()),
    )
