"""Errors of the package `serving`.

ServingError
├── SettingsError                   a setting is wrong: nothing is started
├── SinkError                       what was made of the posts cannot be written: the worker stops
│   ├── FencedError                 another worker has taken this one's place
│   ├── OutputRefusedError         a record is larger than its topic allows
│   └── TransactionAbortedError     this try failed and left nothing behind: try again
└── DeadLetterError                 dead letters cannot be listed or replayed
"""

from __future__ import annotations


class ServingError(Exception):
    """Base of every error this package raises."""


class SettingsError(ServingError):
    """A setting is wrong; the message says which and where it came from."""


class SinkError(ServingError):
    """Results cannot be written any more."""


class FencedError(SinkError):
    """Another worker with the same instance id has started: this one must stop."""


class OutputRefusedError(SinkError):
    """A record is larger than its topic allows, or its timestamp is refused; nothing was written."""


class TransactionAbortedError(SinkError):
    """One transaction failed and left nothing behind; the same work can be tried again."""


class DeadLetterError(ServingError):
    """Dead letters cannot be listed or replayed."""
