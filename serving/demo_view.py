"""How the demo looks: a live view, one status line, and the summary. Text of posts is never read as markup."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from classifier.verdict import Verdict
from serving.contracts import ReviewItem
from serving.demo_figures import Recent, Report

LAST_FLAGS = 5
"""How many flagged posts there is room for."""
_JOINERS = "\u200c\u200d"
"""Invisible, and part of how Persian and some emoji are spelt."""
_POST_CHARS = 300


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be shown now."""

    state: str
    """What the demo is doing, in a word or two."""
    seconds: float
    produced: int
    recent: Recent
    flags: Sequence[ReviewItem]
    metrics_url: str
    readyz_url: str


def printable(text: str) -> str:
    """The text on one line, without what could move the cursor, reverse the line or hide words."""
    return " ".join("".join(each if each.isprintable() or each in _JOINERS else " " for each in text).split())


def live_view(scene: Scene) -> RenderableType:
    """The whole view; it fits a terminal of 80 columns and 24 lines."""
    return Group(_figures(scene), _flags(scene.flags), _addresses(scene))


def status_line(scene: Scene) -> str:
    """The same on one line, without posts."""
    figures, recent = scene.recent.now, scene.recent
    return (
        f"{scene.seconds:5.0f} s  {scene.state}: {recent.posts_per_second:,.0f} posts/s, "
        f"{scene.produced:,} produced, {figures.consumed:,} consumed, {figures.flagged:,} flagged, "
        f"{figures.skipped:,} skipped, {figures.dead_lettered:,} dead-lettered, lag {_number(figures.lag)}, "
        f"latency p50 {_seconds(recent.latency(0.5))} p99 {_seconds(recent.latency(0.99))}"
    )


def summary(report: Report) -> list[str]:
    """The end of a run, line by line; what does not hold comes last."""
    f = report.figures
    rows = [
        ("produced", f"{report.produced:,}"),
        ("consumed", f"{f.consumed:,}"),
        ("scored", f"{f.scored:,}"),
        ("skipped", f"{f.skipped:,}  (no text, likes, deletions)"),
        ("dead-lettered", f"{f.dead_lettered:,}  (cannot be read)"),
        ("flagged", f"{f.flagged:,}"),
        ("flags found on the review topic", f"{report.flags_found:,}"),
        ("dead letters found on the dead-letters topic", f"{report.dead_letters_found:,}"),
        ("posts/s", f"{report.posts_per_second:,.0f}  over {report.seconds:.1f} s"),
    ]
    lines = ["", "Summary", *(f"  {name + ':':<46}{value}" for name, value in rows), report.equation]
    problems = report.problems()
    return [*lines, *(f"DOES NOT HOLD: {printable(each)}" for each in problems)] if problems else [*lines, "All holds."]


def _figures(scene: Scene) -> Panel:
    figures, recent = scene.recent.now, scene.recent
    cells = (
        ("posts/s", f"{recent.posts_per_second:,.0f}"),
        ("posts", f"{figures.consumed:,}"),
        ("flagged", f"{figures.flagged:,}"),
        ("skipped", f"{figures.skipped:,}"),
        ("dead letters", f"{figures.dead_lettered:,}"),
        ("lag", _number(figures.lag)),
        ("p50", _seconds(recent.latency(0.5))),
        ("p99", _seconds(recent.latency(0.99))),
    )
    table = Table.grid(expand=True)
    for _ in cells:
        table.add_column(justify="center", no_wrap=True)
    table.add_row(*(Text(value, "bold") for _, value in cells))
    table.add_row(*(Text(name, "dim") for name, _ in cells))
    return Panel(table, title=Text(f"False Passage demo: {scene.state}, {scene.seconds:.0f} s"), border_style="cyan")


def _flags(flags: Sequence[ReviewItem]) -> Panel:
    lines = [line for item in flags for line in _flag(item)] or [Text("none yet", "dim")]
    return Panel(
        Group(*lines), title=Text("last flagged posts: label, score, language, text and reason"), border_style="cyan"
    )


def _flag(item: ReviewItem) -> tuple[Text, Text]:
    verdict = item.verdict
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{verdict.label:<16}", "red" if verdict.label == "smuggling_advert" else "yellow")
    line.append(f" {_score(verdict):.2f} {printable(verdict.language):<4}{_words(item)}")
    # Most reasons begin with label, score and threshold, which are on the line above.
    reason = printable(verdict.reason)
    reason = reason.partition("; ")[2] or reason
    return line, Text(f"    {reason}", "dim", no_wrap=True, overflow="ellipsis")


def _addresses(scene: Scene) -> Text:
    return Text(f"metrics {scene.metrics_url}   ready {scene.readyz_url}   Ctrl-C ends it", "dim", overflow="fold")


def _words(item: ReviewItem) -> str:
    parts = [item.post.text or "", *(f"[picture] {each}" for each in item.post.media_text or ())]
    return printable(" ".join(parts)[:_POST_CHARS])


def _score(verdict: Verdict) -> float:
    scores = verdict.scores
    return scores.false_promise if verdict.label == "false_promise" else scores.smuggling_advert


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f} s"
