"""The pure parts of the demo: its stream, its figures, its report and what it lets through to the terminal."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from classifier.training.corpus import load_corpus, split_of
from classifier.verdict import Scores, Verdict
from ingest.decode import decode
from ingest.errors import DecodeError
from ingest.post import Ignored, Post, Withdrawal
from serving.contracts import ReviewItem
from serving.demo_figures import Figures, Recent, Report, quantile
from serving.demo_platforms import PAYLOADS
from serving.demo_stream import ONE_IN, DemoRecord, Kind, Texts, choose_texts, demo_stream
from serving.demo_view import LAST_FLAGS, Scene, live_view, printable, status_line, summary
from serving.demo_worker import worker_environment
from serving.metrics import WorkerMetrics
from serving.settings import Settings, load_settings

NUMBER = 20_000


@pytest.fixture(scope="module")
def texts() -> Texts:
    return choose_texts(load_corpus())


def take(texts: Texts, number: int = NUMBER, seed: int = 3) -> list[DemoRecord]:
    ticks: Iterator[int] = itertools.count(1_790_000_000)
    return list(itertools.islice(demo_stream(texts, seed, clock=lambda: next(ticks)), number))


@pytest.fixture(scope="module")
def records(texts: Texts) -> list[DemoRecord]:
    return take(texts)


def read(record: DemoRecord) -> object:
    return decode(record.value, record.headers)


def test_rare_kinds_come_once_in_so_many_records(records: list[DemoRecord]) -> None:
    counts = Counter(each.kind for each in records)
    for kind, period in ONE_IN.items():
        assert abs(counts[kind] - NUMBER // period) <= 1, kind
    assert counts[Kind.ORDINARY] > 0.97 * NUMBER


def test_the_same_seed_gives_the_same_stream_and_another_does_not(texts: Texts) -> None:
    assert take(texts, 500) == take(texts, 500)
    assert take(texts, 500) != take(texts, 500, seed=4)


def test_poison_cannot_be_read_and_all_else_can(records: list[DemoRecord]) -> None:
    reasons = set()
    for each in records:
        if each.kind is Kind.POISON:
            with pytest.raises(DecodeError) as error:
                read(each)
            reasons.add(error.value.reason)
        else:
            read(each)
    assert reasons == {"invalid_json", "invalid_utf8", "missing_field", "unknown_type"}


def test_ids_differ_and_texts_mostly_do(records: list[DemoRecord]) -> None:
    posts = [post for each in records if each.kind is Kind.ORDINARY and isinstance(post := read(each), Post)]
    assert len({post.id for post in posts}) == len(posts)
    assert len({post.text for post in posts}) > 0.5 * len(posts)
    assert len({post.lang for post in posts}) > 12


def test_empty_posts_are_empty_and_adverts_are_not(records: list[DemoRecord]) -> None:
    for each in records:
        if each.kind in (Kind.EMPTY, Kind.ADVERT):
            post = read(each)
            assert isinstance(post, Post)
            assert post.is_empty == (each.kind is Kind.EMPTY)


def test_platform_payloads_are_posts_withdrawals_and_things_to_be_ignored(records: list[DemoRecord]) -> None:
    events = [read(each) for each in records if each.kind is Kind.PLATFORM]
    assert {type(each) for each in events} == {Post, Withdrawal, Ignored}
    assert {each.platform for each in events if isinstance(each, Post)} == {"bluesky", "mastodon", "x", "telegram"}
    assert len(PAYLOADS) == len({(type(each), getattr(each, "platform", None)) for each in events})


def test_texts_are_those_that_the_model_was_not_trained_on(texts: Texts) -> None:
    unseen = {each.post.id for each in load_corpus() if split_of(each) == "test"}
    assert {each.id for each in (*texts.ordinary, *texts.look_alikes, *texts.adverts)} - {""} <= unseen


def metrics_text() -> str:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.posts_consumed.labels("x").inc(90)
    metrics.posts_consumed.labels("telegram").inc(10)
    metrics.posts_scored.labels("none", "en", "screen").inc(94)
    metrics.posts_scored.labels("smuggling_advert", "ar", "screen").inc(1)
    metrics.posts_flagged.labels("smuggling_advert", "ar").inc(1)
    metrics.posts_skipped.labels("no_text").inc(2)
    metrics.posts_withdrawn.labels("bluesky").inc(1)
    metrics.dead_letters.labels("invalid_json", "decode").inc(3)
    metrics.post_latency.observe_many(np.array([0.01] * 50 + [0.15] * 50))
    return generate_latest(registry).decode()


def test_figures_are_sums_over_labels() -> None:
    figures = Figures.from_metrics(metrics_text())
    assert (figures.consumed, figures.scored, figures.skipped, figures.dead_lettered) == (100, 95, 2, 3)
    assert (figures.flagged, figures.withdrawn, figures.lag) == (1, 1, None)


def test_lag_is_summed_over_partitions() -> None:
    lines = [f'falsepassage_consumer_lag_posts{{topic="posts",partition="{each}"}} {each + 1}.0\n' for each in range(3)]
    assert Figures.from_metrics("".join(lines)).lag == 6


def test_no_metrics_are_zeros() -> None:
    assert Figures.from_metrics("") == Figures()


def test_quantiles_are_interpolated_and_only_of_what_came_between() -> None:
    figures = Figures.from_metrics(metrics_text())
    assert quantile(figures, Figures(), 0.25) == pytest.approx(0.0125)
    assert quantile(figures, Figures(), 0.75) == pytest.approx(0.15)
    assert quantile(figures, figures, 0.5) is None
    assert quantile(Figures(), Figures(), 0.5) is None
    assert quantile(Figures(latency=((1.0, 0.0), (float("inf"), 5.0))), Figures(), 0.5) == 1.0


def test_the_pace_is_that_of_the_last_seconds() -> None:
    recent = Recent()
    for second in range(31):
        recent.add(float(second), Figures(consumed=0 if second < 15 else (second - 15) * 100))
    assert recent.posts_per_second == pytest.approx(100.0)


def report(**changes: object) -> Report:
    sound = Report(
        produced=100, poison=3, figures=Figures.from_metrics(metrics_text()), flags_found=1, withdrawals_found=1,
        dead_letters_found=3, seconds=2.0, worker_exit_code=0,
    )  # fmt: skip
    return replace(sound, **changes)  # type: ignore[arg-type]


def test_a_sound_report() -> None:
    assert report().problems() == []
    lines = summary(report())
    assert "consumed = scored + skipped + dead-lettered: 100 = 95 + 2 + 3" in lines
    assert lines[-1] == "All holds."


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"produced": 101}, "101 records were produced but 100 consumed."),
        ({"poison": 2}, "2 records were produced that cannot be read but 3 dead-lettered."),
        ({"flags_found": 2}, "1 records were flagged but 2 found on the review topic."),
        (
            {"withdrawals_found": 0},
            "1 records were passed on as deletions but 0 found on the review topic.",
        ),
        ({"dead_letters_found": 4}, "3 records were dead-lettered but 4 found on the dead-letters topic."),
        ({"worker_exit_code": 1}, "The worker ended with exit code 1."),
        ({"worker_exit_code": None}, "The worker did not end when it was told to."),
        ({"failures": ["The feed ended."]}, "The feed ended."),
    ],
)
def test_what_does_not_hold_is_said(changes: dict[str, object], sentence: str) -> None:
    assert report(**changes).problems() == [sentence]
    assert summary(report(**changes))[-1] == f"DOES NOT HOLD: {sentence}"


def test_a_broken_equation_is_said() -> None:
    broken = report(figures=Figures(consumed=100, scored=94, skipped=2, dead_lettered=3, flagged=1, withdrawn=1))
    assert broken.problems() == ["100 records were consumed but 99 scored, skipped or dead-lettered."]


NASTY = "[bold red]50 €[/] \x1b[2J\x1b]0;title\x07 \u202egnp.exe\u2066 \u200cمی\u200cخواهم\n[/nonsense] \x9b31m :smile:"


def scene() -> Scene:
    verdict = Verdict(
        label="smuggling_advert", scores=Scores(0.91, 0.02), threshold=0.5, flagged=True, language="en", evidence=[],
        stage="screen", model_version="1", reason=f"because; {NASTY}",
    )  # fmt: skip
    item = ReviewItem(Post(id="x:1", text=NASTY, media_text=[NASTY]), verdict, "2026-01-01T00:00:00Z")
    return Scene("feeding", 3.0, 1_000, Recent(), [item], "http://h:1/metrics", "http://h:1/readyz")


def test_text_of_posts_cannot_steer_the_terminal() -> None:
    shown = printable(NASTY)
    assert not set(shown) & set("\x1b\x07\n\x9b\u202e\u2066")
    assert "می\u200cخواهم" in shown


def test_the_live_view_shows_markup_as_it_is() -> None:
    console = Console(width=200, record=True, force_terminal=False, emoji=True)
    with console.capture() as captured:
        console.print(live_view(scene()))
    shown = captured.get()
    assert "[bold red]50 €[/]" in shown
    assert "[/nonsense]" in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e\u2066")
    for word in ("smuggling_advert", "0.91", "http://h:1/metrics", "http://h:1/readyz", ":smile:"):
        assert word in shown


def test_the_live_view_fits_a_small_terminal() -> None:
    console = Console(width=80, height=24)
    full = replace(scene(), flags=[*scene().flags] * LAST_FLAGS)
    lines = console.render_lines(live_view(full))
    assert len(lines) <= 23


def test_the_status_line_is_one_line_even_before_there_are_figures() -> None:
    line = status_line(scene())
    assert "\n" not in line
    assert "1,000 produced" in line


def test_the_worker_gets_our_settings_and_none_of_the_users() -> None:
    settings = Settings(topic_prefix="demo.", check_hostname=False, metrics_port=0, audit_floor=0.5)
    users = {"PATH": "/bin", "FALSEPASSAGE_CONFIG": "gone.toml", "FALSEPASSAGE_SASL_PASSWORD_FILE": "gone"}
    environ = worker_environment(settings, users)
    assert environ["PATH"] == "/bin"
    assert load_settings({}, environ) == settings
