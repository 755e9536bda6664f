"""Ctrl-C in the demo: once, and it ends in good order; twice, and it ends at once, still leaving nothing behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Takes SIGINT, SIGTERM and SIGHUP while it is entered.

    Before `gently` was called, the first of them raises KeyboardInterrupt in the main thread; after it, the first sets
    `asked` and the second raises. Once raised, all further ones are ignored: they would interrupt the clearing up.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._gently = False
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}

    def gently(self) -> None:
        """From now on the first signal only asks."""
        self._gently = True

    def __enter__(self) -> Self:
        self._before = {each: signal.signal(each, self._take) for each in SIGNALS}
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self._gently and not self.asked.is_set():
            self.asked.set()
            return
        self.ignore()
        raise KeyboardInterrupt

    def ignore(self) -> None:
        """From now on no signal does anything: what is left to do is short and must be done."""
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
