"""Fine-tuning of the encoder: labels and evidence at once, on the corpus and on ordinary posts.

Two stages. All layers of the backbone are fine-tuned first: that is the teacher. Then a student of fewer layers, cut
out of the teacher, goes on learning from the labels and, where `Recipe.distillation` is not 0, from what the teacher
says of the same posts (Hinton et al. 2015, arXiv 1503.02531; states and all, as in TinyBERT: Jiao et al. 2020, arXiv
1909.10351). A step of the teacher costs as much as two or three of the student.

Which of the 74 kinds a post is of is learnt beside the labels and then forgotten: it teaches the layers to tell a
newspaper's quotation from the advert it quotes. Ordinary posts are drawn anew in each epoch, and those that looked
like adverts come back in all later ones (hard negatives).
"""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifier.artefact import TAGS
from classifier.clean import clean
from classifier.encoder_input import fields_of, special_tokens
from classifier.training import backbone as backbones
from classifier.training.corpus import LabelledPost
from classifier.training.encoder_examples import (
    IGNORED,
    Batch,
    Chances,
    augment,
    batches,
    examples_of,
    ordinary_as_labelled,
)
from classifier.training.encoder_model import build, load_encoder, mean_pool, save, student_of
from classifier.training.ordinary import OrdinaryPost
from classifier.verdict import POSITIVE_LABELS

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor, nn

Report = Callable[[str], None]
TEACHER, STUDENT = "teacher", "student"


@dataclass(frozen=True, slots=True)
class Stage:
    """How long and how fast one of the two stages learns."""

    epochs: int
    learning_rate: float
    head_learning_rate: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the encoder is trained; the defaults are those of the shipped model."""

    layers: int = 6
    teacher: Stage = Stage(epochs=2, learning_rate=2e-4, head_learning_rate=1e-3)
    student: Stage = Stage(epochs=13, learning_rate=2.5e-4, head_learning_rate=5e-4)
    distillation: float = 0.0
    batch: int = 32
    warm_up: float = 0.08
    weight_decay: float = 0.01
    label_smoothing: float = 0.02
    tag_weight: float = 0.3
    kind_weight: float = 0.2
    chances: Chances = field(default_factory=Chances)
    ordinary_posts: int = 2_500
    hard_logit: float = -2.5
    max_pieces: int = 110_000
    threads: int = 2
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Material:
    """What is learnt from, and the tokenizer that reads it; the first `always` ordinary posts are in each epoch."""

    posts: Sequence[LabelledPost]
    ordinary: Sequence[OrdinaryPost]
    always: int
    kinds: Sequence[str]
    tokenizer: Tokenizer


def train_encoder(
    out: Path,
    posts: Sequence[LabelledPost],
    ordinary: Sequence[OrdinaryPost],
    report: Report,
    *,
    backbone: str = backbones.ASSEMBLED,
    recipe: Recipe | None = None,
    always: int = 0,
) -> None:
    """Train teacher and student on `posts` and write each, with its tokenizer, to a directory of its name in `out`.

    Args:
        posts: labelled posts of the `train` split.
        ordinary: harmless posts, as many as there are: each epoch draws some, and takes the first `always` of them.

    Raises:
        TrainingError: if the backbone cannot be had or used.
    """
    import torch
    from tokenizers import Tokenizer

    recipe = recipe or Recipe()
    torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)  # noqa: S311  # no secret
    report(f"{len(posts):,} labelled posts to train on, {len(ordinary):,} ordinary ones")
    source = _trimmed(out, backbone, posts, [post.text for post in ordinary], recipe, report)
    tokenizer = Tokenizer.from_file(str(source / backbones.TOKENIZER_NAME))
    material = Material(posts, ordinary, always, sorted({post.kind for post in posts}), tokenizer)
    facts = {"backbone": backbone, "recipe": asdict(recipe), "tags": TAGS, "labels": POSITIVE_LABELS}

    def keep(model: nn.Module, name: str) -> None:
        save(model, out / name, facts=facts)
        for note in (backbones.TOKENIZER_NAME, *(path.name for path in source.glob("LICENCES.md"))):
            shutil.copy(source / note, out / name)

    drawer = Drawer(material, recipe, rng)
    teacher = build(load_encoder(source))
    for _ in _fit(teacher, drawer, recipe, recipe.teacher, report, TEACHER):
        keep(teacher, TEACHER)
    student = student_of(teacher, recipe.layers)
    told_by = teacher.eval() if recipe.distillation else None
    for _ in _fit(student, drawer, recipe, recipe.student, report, STUDENT, told_by):
        keep(student, STUDENT)


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


class Drawer:
    """Draws what an epoch learns from, and remembers the ordinary posts that were taken for adverts."""

    def __init__(self, material: Material, recipe: Recipe, rng: random.Random) -> None:
        self.material, self._recipe, self._rng = material, recipe, rng
        self.hard: set[int] = set(range(material.always))
        self._drawn: list[int] = []

    def epoch(self) -> list[Batch]:
        """Return the batches of a new epoch."""
        posts, ordinary, rng = self.material.posts, self.material.ordinary, self._rng
        fresh = rng.sample(range(len(ordinary)), min(self._recipe.ordinary_posts, len(ordinary)))
        self._drawn = sorted(self.hard | set(fresh))
        harmless = [ordinary_as_labelled(ordinary[i].text, ordinary[i].lang, rng) for i in self._drawn]
        around = [post.post.text or "" for post in harmless] or [""]
        drawn = [augment(post, self._recipe.chances, rng, around) for post in [*posts, *harmless]]
        examples = examples_of(self.material.tokenizer, drawn, self.material.kinds)
        return batches(examples, self._recipe.batch, special_tokens(self.material.tokenizer).pad, rng)

    def note(self, batch: Batch, highest: Any) -> None:
        """Remember the ordinary posts of `batch` whose highest logit, shape [examples], is that of a suspect."""
        number = batch.posts - len(self.material.posts)
        self.hard.update(
            self._drawn[i] for i in number[(number >= 0) & (np.asarray(highest) > self._recipe.hard_logit)].tolist()
        )


def _fit(
    model: nn.Module,
    drawer: Drawer,
    recipe: Recipe,
    stage: Stage,
    report: Report,
    name: str,
    teacher: nn.Module | None = None,
) -> Iterator[int]:
    """Train, and yield the number of each epoch when it is done."""
    import torch
    from torch import nn

    for parameter in _word_embeddings(model.encoder):
        parameter.requires_grad_(False)
    dense: Any = model.label_dense
    kind_head = nn.Linear(dense.out_features, len(drawer.material.kinds))
    first = drawer.epoch()
    optimiser = torch.optim.AdamW(_groups(model, kind_head, recipe, stage))
    schedule = _schedule(optimiser, int(len(first) * stage.epochs * 1.02), recipe.warm_up)
    model.train()
    for number in range(1, stage.epochs + 1):
        todo = first if number == 1 else drawer.epoch()
        progress = _Progress(report, f"{name}, epoch {number} of {stage.epochs}", len(todo))
        for batch in todo:
            ids, mask = torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)
            with torch.autocast("cpu", torch.bfloat16):
                read: Any = model.read
                states, features, labels, tags = read(ids, mask)
                kinds = kind_head(features)
            loss = _loss(labels.float(), tags.float(), kinds.float(), batch, recipe)
            if teacher is not None:
                loss = loss + recipe.distillation * _apart(
                    teacher, ids, mask, states.float(), labels.float(), tags.float()
                )
            _step(loss, model, optimiser, schedule)
            drawer.note(batch, labels.detach().float().amax(1))
            progress(float(loss.detach()))
        report(f"{name}, epoch {number} done; {len(drawer.hard):,} ordinary posts are hard")
        yield number


def _word_embeddings(encoder: Any) -> Iterator[nn.Parameter]:
    yield from encoder.get_input_embeddings().parameters()


def _loss(labels: Tensor, tags: Tensor, kinds: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    import torch
    from torch.nn import functional

    truth = torch.from_numpy(batch.labels) * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
    loss = functional.binary_cross_entropy_with_logits(labels, truth)
    for logits, wanted, weight in (
        (tags.flatten(0, 1), torch.from_numpy(batch.tags).flatten(), recipe.tag_weight),
        (kinds, torch.from_numpy(batch.kinds), recipe.kind_weight),
    ):
        if bool((wanted != IGNORED).any()):
            loss = loss + weight * functional.cross_entropy(logits, wanted, ignore_index=IGNORED)
    return loss


def _apart(teacher: nn.Module, ids: Tensor, mask: Tensor, states: Tensor, labels: Tensor, tags: Tensor) -> Tensor:
    """Say how far the student is from the teacher: in states, in label logits, and in tags."""
    import torch
    from torch.nn import functional

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        read: Any = teacher.read
        wanted, _, wanted_labels, wanted_tags = read(ids, mask)
    inside = mask.bool()
    told = functional.binary_cross_entropy_with_logits(labels, wanted_labels.float().sigmoid())
    shown = functional.kl_div(
        tags[inside].log_softmax(-1), wanted_tags.float()[inside].log_softmax(-1), log_target=True,
        reduction="batchmean",
    )  # fmt: skip
    return 0.5 * _standardised_error(states, wanted.float(), mask) + 2 * told + 0.3 * shown


def _standardised_error(given: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean-squared error of the tokens' states and of their average, by dimensions of the teacher's spread.

    A few dimensions of a pretrained encoder are so large that plain mean-squared error sees nothing else.
    """
    inside = mask.bool()
    target = wanted[inside]
    spread = target.std(0) + 1e-3
    pooled = (mean_pool(given, mask) - mean_pool(wanted, mask)) / spread
    states = (given[inside] - target) / spread
    return states.square().mean() + pooled.square().mean()


def _groups(model: nn.Module, kind_head: nn.Module, recipe: Recipe, stage: Stage) -> list[dict[str, Any]]:
    """The heads start from nothing and learn faster than the pretrained layers."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in [*model.named_parameters(), *kind_head.named_parameters()]:
        if parameter.requires_grad:
            groups.setdefault((name.startswith("encoder."), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": stage.learning_rate if pretrained else stage.head_learning_rate,
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
