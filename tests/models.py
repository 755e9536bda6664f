"""The shipped model, loaded once; and texts of every kind for properties."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from classifier.artefact import read_config
from classifier.cascade import SHIPPED_MODEL, Cascade, load_classifier
from classifier.language import LanguageDetector
from classifier.screen import Screen

_ODD = "\0\x01\x02\ud800\udfff\u200b\u202e\u0640\u064b\u0301 \n0o1l5oO٣۴🚢🏽👍ﻻﻷﬁĲ🅱𝐛ⓑбаtobBأيك€→.@+%$가"
ANY_TEXT = st.text(st.characters(codec=None), max_size=60) | st.text(st.sampled_from(_ODD), max_size=60)
"""Any unicode at all, lone surrogates among it, and mixtures of what the reader treats specially."""


@cache
def shipped() -> Cascade:
    """The shipped classifier."""
    return load_classifier()


@cache
def shipped_screen() -> Screen:
    """The screen of the shipped model."""
    return Screen.load(SHIPPED_MODEL, read_config(SHIPPED_MODEL).screen)


@cache
def shipped_detector() -> LanguageDetector:
    """The language detector of the shipped model."""
    return LanguageDetector.load(SHIPPED_MODEL, read_config(SHIPPED_MODEL).language)
