"""kafka-python, imported without its warnings."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # It reads its schemas with functions of importlib.resources that Python 3.11 and 3.12 call deprecated; it does so
    # once, when it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import kafka  # noqa: F401
