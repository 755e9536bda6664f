"""Fine-tuning of the encoder: labels and evidence at once, on the corpus and on ordinary posts.

Two stages: the layers that are kept first learn to say what the whole backbone says (standardised mean-squared error on
the posts without labels), then both heads are trained on the labelled ones.
"""

from __future__ import annotations

import itertools
import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classifier.clean import clean
from classifier.encoder_input import TokenisedPost, fields_of, special_tokens, tokenise, windows
from classifier.training import backbone as backbones
from classifier.training.corpus import LabelledPost, load_corpus, select
from classifier.training.disguise import apply, disguise, disguise_post, drop_masks, vary_contacts
from classifier.training.encoder_model import TAGS, build, load_encoder, mean_pool, save
from classifier.training.train import read_ordinary
from classifier.verdict import POSITIVE_LABELS
from ingest.post import Post

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor, nn

Report = Callable[[str], None]
IGNORED = -100
"""The tag of a token that has none to learn: torch's `ignore_index`."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the encoder is trained; the defaults are those of the shipped model."""

    layers: int = 6
    epochs: int = 3
    batch: int = 32
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warm_up: float = 0.1
    weight_decay: float = 0.01
    label_smoothing: float = 0.02
    tag_weight: float = 0.3
    disguised: float = 0.35
    varied_contacts: float = 0.6
    ordinary_posts: int = 5_000
    distillation_steps: int = 500
    distillation_learning_rate: float = 3e-4
    max_pieces: int = 110_000
    threads: int = 2
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Example:
    """A window of a post as numbers: ids and tags of its tokens, and the post's labels."""

    ids: list[int]
    tags: list[int]
    labels: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples of about the same length. Shapes: ids, mask, tags [examples, tokens]; labels [examples, 2]."""

    ids: NDArray[np.int64]
    mask: NDArray[np.int64]
    tags: NDArray[np.int64]
    labels: NDArray[np.float32]


# Examples -----------------------------------------------------------------------------------------------------------


def ordinary_as_labelled(text: str, language: str, rng: random.Random) -> LabelledPost:
    """Make a harmless labelled post of an ordinary one, its masks dropped or varied."""
    for edits in (drop_masks, vary_contacts):
        text, _ = apply(text, (), edits(text, rng))
    return LabelledPost(Post(id="ordinary", text=text, lang=language), "none", "ordinary", "", "", ())


def augment(post: LabelledPost, recipe: Recipe, rng: random.Random) -> LabelledPost:
    """Vary a post's contacts and disguise it, or leave it, by chance."""
    if rng.random() < recipe.varied_contacts:
        post = disguise_post(post, vary_contacts, rng)
    if rng.random() < recipe.disguised:
        post = disguise(post, rng)
    return post


def examples_of(tokenizer: Tokenizer, posts: Sequence[LabelledPost]) -> list[Example]:
    """Turn posts into examples; a long positive post is read by the windows that have evidence in them."""
    found = []
    opening, closing, _ = special_tokens(tokenizer)
    for post, tokenised in zip(posts, tokenise(tokenizer, [post.post for post in posts]), strict=True):
        tags = tags_of(post, tokenised)
        labels = (float(post.label == POSITIVE_LABELS[0]), float(post.label == POSITIVE_LABELS[1]))
        for start, end in windows(len(tokenised.tokens)):
            inside = tags[start:end]
            if start and any(labels) and not any(inside):
                continue  # nothing in it says what the post is
            ids = [opening, *(token.id for token in tokenised.tokens[start:end]), closing]
            learnt = [IGNORED, *(inside if any(labels) else [IGNORED] * len(inside)), IGNORED]
            found.append(Example(ids, learnt, labels))
    return found


def tags_of(post: LabelledPost, tokenised: TokenisedPost) -> list[int]:
    """Return the tag of each token: that of the evidence it overlaps."""
    marked: list[list[int]] = [[0] * len(cleaned.text) for cleaned in tokenised.cleaned]
    for span in post.spans:
        field = tokenised.fields.index(span.field)
        start, end = tokenised.cleaned[field].locate(span.start, span.end)
        marked[field][start:end] = [TAGS.index(span.kind)] * (end - start)
    return [max(marked[token.field][token.start : token.end], default=0) for token in tokenised.tokens]


def batches(examples: Sequence[Example], size: int, pad: int, rng: random.Random) -> list[Batch]:
    """Divide examples into batches of about one length each, in random order."""
    shuffled = rng.sample(examples, len(examples))
    shuffled.sort(key=lambda example: len(example.ids) + rng.random() * 4)
    groups = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
    rng.shuffle(groups)
    return [collate(group, pad) for group in groups]


def collate(group: Sequence[Example], pad: int) -> Batch:
    """Pad examples to the length of the longest."""
    width = max(len(example.ids) for example in group)
    ids = np.full((len(group), width), pad, np.int64)
    mask, tags = np.zeros_like(ids), np.full_like(ids, IGNORED)
    for row, example in enumerate(group):
        ids[row, : len(example.ids)] = example.ids
        mask[row, : len(example.ids)] = 1
        tags[row, : len(example.tags)] = example.tags
    return Batch(ids, mask, tags, np.array([example.labels for example in group], np.float32))


# Training -----------------------------------------------------------------------------------------------------------


def train_encoder(
    out: Path,
    corpus: Path,
    ordinary: Path | None,
    report: Report,
    *,
    backbone: str = backbones.ASSEMBLED,
    recipe: Recipe | None = None,
) -> None:
    """Train on the `train` split and write weights, config and tokenizer to `out`.

    Args:
        corpus: directory of the labelled posts.
        ordinary: file of ordinary posts, of which those with `split: train` are used.

    Raises:
        CorpusError, TrainingError: what is wrong with the input.
    """
    import torch
    from tokenizers import Tokenizer

    recipe = recipe or Recipe()
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)  # noqa: S311  # no secret
    posts = select(load_corpus(corpus), "train")
    common = list(read_ordinary(ordinary, "train")) if ordinary else []
    report(f"{len(posts):,} labelled posts to train on, {len(common):,} ordinary ones")

    source = _trimmed(out, backbone, posts, [post.text for post in common], recipe, report)
    tokenizer = Tokenizer.from_file(str(source / backbones.TOKENIZER_NAME))
    sample = rng.sample(common, min(recipe.ordinary_posts, len(common)))
    encoder = load_encoder(source, recipe.layers)
    if recipe.distillation_steps:
        texts = [*posts, *(ordinary_as_labelled(post.text, post.lang, rng) for post in common)]
        _distil(encoder, load_encoder(source), tokenizer, texts, recipe, report)
    model = build(encoder)
    for parameter in _word_embeddings(encoder):
        parameter.requires_grad_(False)

    def epoch() -> list[Batch]:
        drawn = [augment(post, recipe, rng) for post in posts]
        drawn += [augment(ordinary_as_labelled(post.text, post.lang, rng), recipe, rng) for post in sample]
        return batches(examples_of(tokenizer, drawn), recipe.batch, special_tokens(tokenizer).pad, rng)

    for note in (backbones.TOKENIZER_NAME, *(path.name for path in source.glob("LICENCES.md"))):
        shutil.copy(source / note, out)
    facts = {"backbone": backbone, "recipe": asdict(recipe), "tags": TAGS, "labels": POSITIVE_LABELS}
    for number in _fit(model, epoch, recipe, report):
        save(model, out, facts=facts | {"epochs_done": number})
        report(f"epoch {number} written to {out}")


def _trimmed(
    out: Path, name: str, posts: Sequence[LabelledPost], ordinary: Sequence[str], recipe: Recipe, report: Report
) -> Path:
    texts = [clean(text).text for post in posts for _, text in fields_of(post.post)]
    texts += [clean(text).text for text in ordinary]
    source = backbones.load_backbone(name, report=report)
    if not backbones.can_trim(source):
        report("the vocabulary is left as it is: its pieces cannot be taken out one by one")
        return source
    trimmed = backbones.trim(source, out / "backbone", texts, max_pieces=recipe.max_pieces)
    report(f"vocabulary trimmed from {trimmed.before:,} to {trimmed.after:,} pieces")
    return trimmed.directory


def _word_embeddings(encoder: nn.Module) -> Iterator[nn.Parameter]:
    get: Any = encoder.get_input_embeddings
    yield from get().parameters()


def _distil(
    student: nn.Module,
    teacher: nn.Module,
    tokenizer: Tokenizer,
    posts: Sequence[LabelledPost],
    recipe: Recipe,
    report: Report,
) -> None:
    """Teach the layers that were kept to give the states of the whole backbone.

    States are standardised by dimension first: a few dimensions of a pretrained encoder are so large that plain
    mean-squared error sees nothing else.
    """
    import torch

    rng = random.Random(recipe.seed)  # noqa: S311  # no secret
    for parameter in _word_embeddings(student):
        parameter.requires_grad_(False)
    teacher.eval()
    student.train()
    optimiser = torch.optim.AdamW(
        [each for each in student.parameters() if each.requires_grad],
        recipe.distillation_learning_rate,
        weight_decay=0.01,
    )
    schedule = _schedule(optimiser, recipe.distillation_steps, recipe.warm_up)
    chosen = rng.sample(posts, min(len(posts), recipe.distillation_steps * recipe.batch))
    todo = batches(examples_of(tokenizer, chosen), recipe.batch, special_tokens(tokenizer).pad, rng)
    progress = _Progress(report, "distillation", recipe.distillation_steps)
    for batch in itertools.islice(itertools.cycle(todo), recipe.distillation_steps):
        ids, mask = torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                wanted = teacher(input_ids=ids, attention_mask=mask).last_hidden_state
            given = student(input_ids=ids, attention_mask=mask).last_hidden_state
        loss = _standardised_error(given.float(), wanted.float(), mask)
        _step(loss, student, optimiser, schedule)
        progress(float(loss.detach()))


def _standardised_error(given: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean-squared error of the tokens' states and of their average, by dimensions of the teacher's spread."""
    inside = mask.bool()
    target = wanted[inside]
    spread, mean = target.std(0) + 1e-3, target.mean(0)
    pooled = (mean_pool(given, mask) - mean_pool(wanted, mask)) / spread
    states = (given[inside] - mean) / spread - (target - mean) / spread
    return states.square().mean() + pooled.square().mean()


def _fit(model: nn.Module, epoch: Callable[[], list[Batch]], recipe: Recipe, report: Report) -> Iterator[int]:
    """Train, and yield the number of each epoch when it is done."""
    import torch

    first = epoch()
    steps = len(first) * recipe.epochs
    optimiser = torch.optim.AdamW(_groups(model, recipe))
    schedule = _schedule(optimiser, steps + recipe.epochs * 8, recipe.warm_up)
    model.train()
    for number in range(recipe.epochs):
        todo = first if number == 0 else epoch()
        progress = _Progress(report, f"epoch {number + 1} of {recipe.epochs}", len(todo))
        for batch in todo:
            with torch.autocast("cpu", torch.bfloat16):
                labels, tags = model(torch.from_numpy(batch.ids), torch.from_numpy(batch.mask))
            loss = _loss(labels.float(), tags.float(), batch, recipe)
            _step(loss, model, optimiser, schedule)
            progress(float(loss.detach()))
        yield number + 1


def _groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """The heads start from nothing and learn faster than the pretrained layers."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((name.startswith("encoder."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": recipe.learning_rate if pretrained else recipe.head_learning_rate,
            "weight_decay": recipe.weight_decay if matrix else 0.0,
        }
        for (pretrained, matrix), parameters in groups.items()
    ]


def _schedule(optimiser: Any, steps: int, warm_up: float) -> Any:
    """Linear warm-up, then half a cosine down to nothing."""
    from torch.optim.lr_scheduler import LambdaLR

    warm = max(int(steps * warm_up), 1)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * min((step - warm) / max(steps - warm, 1), 1.0)))

    return LambdaLR(optimiser, factor)


def _loss(labels: Tensor, tags: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    import torch
    from torch.nn import functional

    truth = torch.from_numpy(batch.labels) * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
    loss = functional.binary_cross_entropy_with_logits(labels, truth)
    wanted = torch.from_numpy(batch.tags)
    if bool((wanted != IGNORED).any()):
        loss = loss + recipe.tag_weight * functional.cross_entropy(
            tags.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED
        )
    return loss


def _step(loss: Tensor, model: nn.Module, optimiser: Any, schedule: Any) -> None:
    import torch

    optimiser.zero_grad()
    backward: Any = loss.backward
    backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    schedule.step()


class _Progress:
    """Says every twentieth of the way how far it is, how large the loss was on average, and how long it will take."""

    def __init__(self, report: Report, name: str, steps: int) -> None:
        self._report, self._name, self._steps = report, name, steps
        self._every = max(steps // 20, 1)
        self._start = time.monotonic()
        self._done = 0
        self._losses: list[float] = []

    def __call__(self, loss: float) -> None:
        self._done += 1
        self._losses.append(loss)
        if self._done % self._every == 0 or self._done == self._steps:
            passed = time.monotonic() - self._start
            left = passed / self._done * (self._steps - self._done)
            mean = sum(self._losses) / len(self._losses)
            self._report(
                f"{self._name}: {self._done}/{self._steps}, loss {mean:.4f}, {passed:.0f} s, {left:.0f} s to go"
            )
            self._losses.clear()
