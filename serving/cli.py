"""The command `falsepassage`: turns words into calls, and errors into messages and exit codes."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from classifier.errors import ClassifierError
from ingest.errors import IngestError
from serving.errors import ServingError
from serving.settings import Settings, explain_settings, load_settings

app = typer.Typer(
    name="falsepassage", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Finds people-smuggling adverts and false migration promises in a stream of posts.",
)  # fmt: skip
topics_app = typer.Typer(no_args_is_help=True, help="Create and describe the topics.")
dead_letters_app = typer.Typer(no_args_is_help=True, help="Records that could not be read: list, show, replay.")
app.add_typer(topics_app, name="topics")
app.add_typer(dead_letters_app, name="dead-letters")

BootstrapServers = Annotated[
    str | None, typer.Option("--bootstrap-servers", "--broker", help="Kafka brokers, HOST:PORT[,HOST:PORT].")
]
TopicPrefix = Annotated[str | None, typer.Option(help="What every topic's name begins with.")]
GroupId = Annotated[str | None, typer.Option(help="Consumer group of the workers.")]
InstanceId = Annotated[str | None, typer.Option(help="Name of this worker, different for each.")]
MetricsPort = Annotated[int | None, typer.Option(help="Port of /metrics, /livez and /readyz; 0 takes a free one.")]
Model = Annotated[str | None, typer.Option(help="Directory of the model.")]
Point = Annotated[str | None, typer.Option("--operating-point", help="all, balanced or firehose.")]
LogFormat = Annotated[str | None, typer.Option(help="json or text.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file of settings.")]
Reason = Annotated[str | None, typer.Option(help="Only those with this reason.")]


def main() -> None:
    """Run the command; an error that we know ends in one line that says what to do, and exit code 2."""
    try:
        app()
    except (IngestError, ClassifierError, ServingError) as error:
        typer.echo(f"falsepassage: {error}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


@app.command()
def worker(
    bootstrap_servers: BootstrapServers = None, topic_prefix: TopicPrefix = None, group_id: GroupId = None,
    instance_id: InstanceId = None, metrics_port: MetricsPort = None, model: Model = None,
    operating_point: Point = None, log_format: LogFormat = None,
    config: ConfigFile = None,
) -> None:  # fmt: skip
    """Read posts, judge them, and send what is flagged to the review topic."""
    from serving.logs import configure_logging
    from serving.worker_process import run_worker

    settings = load_settings(_given(locals()), file=config)
    configure_logging(settings.log_format, settings.log_level)
    run_worker(settings)


@app.command()
def demo(
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Feed for so long, then end and count; until Ctrl-C if not given.")
    ] = None,
    broker: Annotated[str | None, typer.Option(help="Use this broker instead of starting one, HOST:PORT.")] = None,
    rate: Annotated[int, typer.Option(min=1, help="Posts a second to feed.")] = 1_000,
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /metrics; 0 takes a free one.")] = 9464,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live view.")] = False,
) -> None:
    """Show the whole way of a post: a broker, a feed, a worker and their figures, in one terminal."""
    from serving.demo import DemoOptions, run_demo

    if not run_demo(DemoOptions(seconds=seconds, broker=broker, rate=rate, metrics_port=metrics_port, plain=plain)):
        raise typer.Exit(1)


@app.command()
def classify(
    file: Annotated[Path | None, typer.Argument(help="JSON lines of posts; standard input if none.")] = None,
    model: Model = None,
    operating_point: Point = None,
    config: ConfigFile = None,
) -> None:
    """Judge posts: JSON lines in, one JSON line with its verdict out for each, in order."""
    from serving.json_lines import classify_lines, read_lines
    from serving.model import load_model

    classifier = load_model(load_settings({"model": model, "operating_point": operating_point}, file=config))
    with _opened(file) as source:
        unreadable = classify_lines(read_lines(source), classifier, sys.stdout.buffer)
    if unreadable:
        raise typer.Exit(1)


@app.command()
def produce(
    file: Annotated[Path | None, typer.Argument(help="JSON lines of posts; standard input if none.")] = None,
    bootstrap_servers: BootstrapServers = None,
    topic_prefix: TopicPrefix = None,
    config: ConfigFile = None,
) -> None:
    """Send JSON lines of posts to the posts topic, keyed by author."""
    from ingest.topics import POSTS
    from serving.json_lines import read_lines
    from serving.produce import produce_lines

    settings = load_settings({"bootstrap_servers": bootstrap_servers, "topic_prefix": topic_prefix}, file=config)
    with _opened(file) as source:
        sent = produce_lines(read_lines(source), settings.connection, settings.topic(POSTS))
    typer.echo(f"{sent:,} posts sent to {settings.topic(POSTS)}", err=True)


@app.command(name="settings")
def show_settings(config: ConfigFile = None) -> None:
    """Show the settings in force and where each came from; secrets are masked."""
    for row in explain_settings(file=config):
        typer.echo(f"{row.name} = {row.value}  ({row.origin})")


@app.command()
def train(
    out: Annotated[Path, typer.Argument(help="Directory to write the model to; one that is there is replaced.")],
    corpus: Annotated[Path | None, typer.Option(help="Directory of labelled posts; our own by default.")] = None,
    ordinary: Annotated[Path | None, typer.Option(help="Ordinary posts, JSON lines with `text`, maybe .gz.")] = None,
    backbone: Annotated[
        str, typer.Option(help="Encoder to start from: a directory, or a name on the Hugging Face hub.")
    ] = "multilingual-e5-small",
    work: Annotated[Path, typer.Option(help="Directory that keeps the networks in 32 bits.")] = Path("build/training"),
    student: Annotated[
        Path | None, typer.Option(help="A network trained before: only export it and set the thresholds.")
    ] = None,
    screen_only: Annotated[bool, typer.Option("--screen-only", help="No encoder: done in a minute.")] = False,
    version: Annotated[str, typer.Option(help="Version of the model, as verdicts carry it.")] = "0.2.0",
    flags_per_million: Annotated[float, typer.Option(help="Budget that the thresholds are set for.")] = 20.0,
) -> None:
    """Make a model from the corpus. Needs the extra `train`; about an hour on two cores."""
    from classifier.training.corpus import CORPUS
    from classifier.training.train import TrainingFiles
    from classifier.training.train import train as train_model

    files = TrainingFiles(corpus or CORPUS, ordinary, out, None if screen_only else work, backbone, student)
    train_model(files, version, flags_per_million, typer.echo)


@app.command()
def calibrate(
    posts: Annotated[Path, typer.Option(help="Ordinary posts of your stream, JSON lines with `text`, maybe .gz.")],
    flags_per_million: Annotated[float, typer.Option(min=0.0, help="Budget: flags per million of such posts.")],
    out: Annotated[Path | None, typer.Option(help="Directory for a copy of the model with the thresholds.")] = None,
    model: Model = None,
    config: ConfigFile = None,
) -> None:
    """Set the thresholds for your own stream, from a budget of flags. Needs the extra `train`."""
    from classifier.training.calibrate import calibrate_model

    directory = Path(load_settings({"model": model}, file=config).model)
    calibrate_model(directory, posts, flags_per_million, out, typer.echo)


@app.command()
def evaluate(
    out: Annotated[Path, typer.Argument(help="Directory for the report, its plots and its JSON.")],
    corpus: Annotated[Path | None, typer.Option(help="Directory of labelled posts; our own by default.")] = None,
    real: Annotated[Path | None, typer.Option(help="Ordinary posts, JSON lines; those of the split `measure`.")] = None,
    work: Annotated[Path | None, typer.Option(help="Where `train` kept the networks, to measure them too.")] = None,
    alone: Annotated[int, typer.Option(min=0, help="Judge so many real posts alone too, and compare.")] = 0,
    card: Annotated[bool, typer.Option("--card", help="Write what was measured on the model's card too.")] = False,
    model: Model = None,
    config: ConfigFile = None,
) -> None:
    """Measure the model and write a report. Needs the extra `train`."""
    from classifier.evaluation.evaluate import EvaluationFiles
    from classifier.evaluation.evaluate import evaluate as measure
    from classifier.evaluation.report import REPORT_NAME, write_report
    from classifier.training.corpus import CORPUS

    directory = Path(load_settings({"model": model}, file=config).model)
    measured = measure(EvaluationFiles(directory, corpus or CORPUS, real, work, alone), typer.echo)
    write_report(measured, out)
    if card:
        from classifier.evaluation.card import put_on_card

        put_on_card(measured, directory, corpus or CORPUS, measured.learnt_posts)
    typer.echo(f"written to {out / REPORT_NAME}")


@topics_app.command("create")
def topics_create(
    bootstrap_servers: BootstrapServers = None,
    topic_prefix: TopicPrefix = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, help="For every topic, instead of the declared number.")
    ] = None,
    replication: Annotated[
        int | None, typer.Option(min=1, help="Replicas; by default 3, or as many as brokers.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Create the topics that are missing; those that exist are left as they are."""
    from ingest.kafka_topics import create_topics

    settings = load_settings({"bootstrap_servers": bootstrap_servers, "topic_prefix": topic_prefix}, file=config)
    _show_topics(
        create_topics(settings.connection, settings.topic_prefix, partitions=partitions, replication=replication)
    )


@topics_app.command("describe")
def topics_describe(
    bootstrap_servers: BootstrapServers = None, topic_prefix: TopicPrefix = None, config: ConfigFile = None
) -> None:
    """Show the topics as they are and where they differ from what is declared."""
    from ingest.kafka_topics import describe_topics

    settings = load_settings({"bootstrap_servers": bootstrap_servers, "topic_prefix": topic_prefix}, file=config)
    states = describe_topics(settings.connection, settings.topic_prefix)
    _show_topics(states)
    if not all(state.exists for state in states):
        raise typer.Exit(1)


@dead_letters_app.command("list")
def dead_letters_list(
    reason: Reason = None,
    bootstrap_servers: BootstrapServers = None,
    topic_prefix: TopicPrefix = None,
    config: ConfigFile = None,
) -> None:
    """List them, one a line, and how many there are of each reason."""
    settings = load_settings({"bootstrap_servers": bootstrap_servers, "topic_prefix": topic_prefix}, file=config)
    counts: Counter[str] = Counter()
    for letter in _letters(settings, reason=reason):
        counts[letter.reason] += 1
        came = "{topic}-{partition}@{offset}".format_map(
            {"topic": "?", "partition": "?", "offset": "?"} | letter.context
        )
        size = len(letter.value or b"")
        typer.echo(
            f"{letter.partition}@{letter.offset}  {letter.reason}  {size} bytes  from {came}  "
            f"attempts {letter.context.get('attempts', '?')}  {_shown(letter.context.get('message', '').encode())}"
        )
    for each, number in counts.most_common():
        typer.echo(f"{number:>8,}  {each}", err=True)
    typer.echo(f"{counts.total():>8,}  in all", err=True)


@dead_letters_app.command("show")
def dead_letters_show(
    place: Annotated[str, typer.Argument(help="PARTITION@OFFSET, as `list` writes it.")],
    bootstrap_servers: BootstrapServers = None,
    topic_prefix: TopicPrefix = None,
    config: ConfigFile = None,
) -> None:
    """Show one in full: its context, headers, key and value."""
    settings = load_settings({"bootstrap_servers": bootstrap_servers, "topic_prefix": topic_prefix}, file=config)
    partition, _, offset = place.partition("@")
    if not (place.isascii() and partition.isdigit() and offset.isdigit()):
        raise ServingError(f"{place!r} is not a place; write PARTITION@OFFSET, as `dead-letters list` does")
    letter = next(_letters(settings, partition=int(partition), offset=int(offset)), None)
    if letter is None:
        raise ServingError(f"there is no dead letter at {place}")
    for name, text in letter.context.items():
        typer.echo(f"{name}: {_shown(text.encode())}")
    typer.echo(f"key: {_shown(letter.key)}")
    for name, value in letter.headers:
        typer.echo(f"header {_shown(name.encode())}: {_shown(value)}")
    typer.echo(f"value: {_shown(letter.value)}")


@dead_letters_app.command("replay")
def dead_letters_replay(
    reason: Reason = None,
    all_reasons: Annotated[bool, typer.Option("--all", help="Whatever the reason.")] = False,
    bootstrap_servers: BootstrapServers = None,
    topic_prefix: TopicPrefix = None,
    config: ConfigFile = None,
) -> None:
    """Send them back to the topic they came from, as they were, with the number of attempts in a header."""
    from ingest.topics import POSTS
    from serving.dead_letters import replay

    if (reason is None) != all_reasons:
        raise ServingError("say which: --reason REASON, or --all")
    settings = load_settings({"bootstrap_servers": bootstrap_servers, "topic_prefix": topic_prefix}, file=config)
    sent = replay(settings.connection, _letters(settings, reason=reason), settings.topic(POSTS))
    typer.echo(f"{sent:,} sent back")


def _letters(settings: Settings, **which: Any) -> Iterator[Any]:
    from ingest.topics import DEAD_LETTERS
    from serving.dead_letters import read_dead_letters

    return read_dead_letters(settings.connection, settings.topic(DEAD_LETTERS), **which)


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a command that are settings."""
    return {name: value for name, value in arguments.items() if name in Settings.__struct_fields__}


def _show_topics(states: list[Any]) -> None:
    for state in states:
        what = "created" if state.created else "exists" if state.exists else "MISSING"
        line = f"{state.name}: {what}"
        if state.exists:
            line += f", {state.partitions} partitions, {state.replication} replicas"
        if state.differences:
            line += "; left as it is, but differs: " + "; ".join(state.differences)
        typer.echo(line)


def _shown(value: bytes | None) -> str:
    if value is None:
        return "(none)"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return repr(value)
    # what is shown here came from strangers, and must not steer the terminal of whoever looks at it
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


@contextlib.contextmanager
def _opened(file: Path | None) -> Iterator[Any]:
    if file is None or str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise ServingError(f"{file}: {error.strerror}") from error
    with opened:
        yield opened


if __name__ == "__main__":
    main()
