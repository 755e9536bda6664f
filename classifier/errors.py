"""Errors of the package `classifier`.

ClassifierError
├── ModelError     a model's files are missing, altered or of another version
├── CorpusError    a labelled post breaks the rules of the corpus
└── TrainingError  training cannot go on with what it was given
"""

from __future__ import annotations


class ClassifierError(Exception):
    """Base of every error this package raises."""


class ModelError(ClassifierError):
    """A model cannot be loaded; the message names the file."""


class CorpusError(ClassifierError):
    """A corpus cannot be read; the message names the file and line."""


class TrainingError(ClassifierError):
    """A model cannot be trained from what was given."""
