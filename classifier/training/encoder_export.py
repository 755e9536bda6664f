"""From a trained encoder to the files that serve it: ONNX, its layers in 8 bits with fixed scales.

Dynamic quantisation takes one scale for a whole batch, so a post's score moves with its batch mates. Here the scales
come from posts of the training split, once, and are constants of the model (static quantisation, QDQ).
"""

from __future__ import annotations

import contextlib
import logging
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from classifier.artefact import TAGS, Calibration, EncoderConfig
from classifier.encoder import Encoder, padded_length
from classifier.encoder_input import special_tokens, tokenise, window_ids, windows
from classifier.training.corpus import LabelledPost
from classifier.training.encoder_examples import collate, examples_of
from classifier.training.encoder_model import restore
from classifier.training.screen import calibrate
from classifier.training.smooth import smooth
from classifier.verdict import POSITIVE_LABELS

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor, nn

WEIGHTS_NAME, TOKENIZER_NAME = "encoder.onnx", "tokenizer.json"
_FP32_NAME = "encoder-fp32.onnx"
_OPSET = 17
_CALIBRATION_POSTS = 256
_EXACT = ("_head", "exact")
"""Products that stay in 32 bits: the two heads, and the channels that `smooth` multiplies apart."""
_TAG_THRESHOLD = 0.5
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far int8 is from fp32 on posts that were in no training.

    `agreement` is the share of posts with the same decisions at probability a half; `largest` and `mean` are of the
    absolute difference of logits, whose standard deviation is `spread`.
    """

    posts: int
    agreement: float
    largest: float
    mean: float
    spread: float


def export(
    trained: Path,
    out: Path,
    train: Sequence[LabelledPost],
    held_out: Sequence[LabelledPost],
    report: Report,
    seed: int = 1,
) -> tuple[EncoderConfig, Drift]:
    """Write the model of the directory `trained` to `out`, and say how it is stored and how far int8 is from fp32.

    Args:
        train: posts that the scales of the 8-bit layers are taken from.
        held_out: posts of the `calibrate` split, for the probabilities and for the comparison with fp32.
    """
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(trained / TOKENIZER_NAME, out)
    identity = [Calibration(1.0, 0.0)] * len(POSITIVE_LABELS)
    config = EncoderConfig(WEIGHTS_NAME, TOKENIZER_NAME, list(TAGS), _TAG_THRESHOLD, identity)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        shutil.copy(trained / TOKENIZER_NAME, scratch)
        chosen = random.Random(seed).sample(list(train), min(len(train), _CALIBRATION_POSTS))  # noqa: S311  # no secret
        model = restore(trained)
        smooth(model, _tensors(trained / TOKENIZER_NAME, chosen))
        to_onnx(model, scratch / _FP32_NAME)
        report("exported to ONNX")
        quantise(scratch / _FP32_NAME, out / WEIGHTS_NAME, trained / TOKENIZER_NAME, chosen)
        report(f"quantised: {(out / WEIGHTS_NAME).stat().st_size / 1e6:.1f} MB")
        exact = Encoder.load(scratch, msgspec.structs.replace(config, weights=_FP32_NAME))
        before = exact.read([post.post for post in held_out]).logits
    after = Encoder.load(out, config).read([post.post for post in held_out]).logits
    calibrated = msgspec.structs.replace(config, calibrations=_calibrations(after, held_out))
    return calibrated, drift(before, after)


def drift(before: NDArray[np.float64], after: NDArray[np.float64]) -> Drift:
    """Compare logits of the same posts, shape [posts, 2]."""
    apart = np.abs(before - after)
    same = ((before > 0) == (after > 0)).all(axis=1)
    return Drift(len(before), float(same.mean()), float(apart.max()), float(apart.mean()), float(before.std()))


def _calibrations(logits: NDArray[np.float64], posts: Sequence[LabelledPost]) -> list[Calibration]:
    weights = np.ones(len(posts))
    return [
        calibrate(logits[:, i], np.array([post.label == label for post in posts]), weights)
        for i, label in enumerate(POSITIVE_LABELS)
    ]


# ONNX ---------------------------------------------------------------------------------------------------------------


def to_onnx(model: nn.Module, path: Path) -> None:
    """Write `model` as ONNX, its word embeddings in 8 bits with one scale a piece: they are most of its size."""
    import torch

    encoder: Any = model.encoder
    encoder.config._attn_implementation = "eager"  # noqa: SLF001  # has no public name
    encoder.set_input_embeddings(int8_embedding(encoder.get_input_embeddings().weight))
    ids = torch.ones(2, 16, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[0, 9:] = 0
    with quiet():
        torch.onnx.export(
            model.eval(),
            (ids, mask),
            str(path),
            dynamo=False,
            opset_version=_OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["labels", "tags"],
            dynamic_axes={
                "input_ids": {0: "posts", 1: "tokens"},
                "attention_mask": {0: "posts", 1: "tokens"},
                "labels": {0: "posts"},
                "tags": {0: "posts", 1: "tokens"},
            },
        )


def int8_embedding(weight: Tensor) -> nn.Module:
    """Return an embedding that keeps `weight` as whole numbers and a scale for each row."""
    import torch
    from torch import nn

    class Int8Embedding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            scale = weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
            self.register_buffer("levels", torch.round(weight.detach() / scale).to(torch.int8))
            self.register_buffer("scale", scale)

        def forward(self, ids: Tensor) -> Tensor:
            levels: Any = self.levels
            scale: Any = self.scale
            rows: Tensor = levels[ids].to(torch.float32) * scale[ids]
            return rows

    return Int8Embedding()


def quantise(fp32: Path, out: Path, tokenizer_file: Path, posts: Sequence[LabelledPost]) -> None:
    """Put the matrices of the layers in 8 bits, by channel, and their inputs too, with scales from `posts`.

    Only products with a constant matrix: those inside attention stay as they are, and so do the two heads.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
    from tokenizers import Tokenizer

    prepared = out.with_suffix(".prepared.onnx")
    with quiet():
        quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
        names = [node.name for node in onnx.load(str(prepared)).graph.node]
        exact = [name for name in names if any(part in name for part in _EXACT)]
        quantize_static(
            str(prepared),
            str(out),
            _reader(Tokenizer.from_file(str(tokenizer_file)), posts),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=exact,
            extra_options={"MatMulConstBOnly": True},
        )
    prepared.unlink()


def _tensors(tokenizer_file: Path, posts: Sequence[LabelledPost]) -> Iterator[tuple[Tensor, Tensor]]:
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    pad = special_tokens(tokenizer).pad
    examples = sorted(examples_of(tokenizer, posts), key=lambda example: len(example.ids))
    for at in range(0, len(examples), 16):
        batch = collate(examples[at : at + 16], pad)
        yield torch.from_numpy(batch.ids), torch.from_numpy(batch.mask)


def _reader(tokenizer: Tokenizer, posts: Sequence[LabelledPost]) -> Any:
    """Give the posts to the calibration one by one, padded as in serving."""
    from onnxruntime.quantization import CalibrationDataReader

    special = special_tokens(tokenizer)

    def inputs() -> Iterator[dict[str, NDArray[np.int64]]]:
        for post in tokenise(tokenizer, [post.post for post in posts]):
            for start, end in windows(len(post.tokens)):
                ids = window_ids(post, start, end, special)
                room = padded_length(len(ids)) - len(ids)
                yield {
                    "input_ids": np.array([ids + [special.pad] * room], np.int64),
                    "attention_mask": np.array([[1] * len(ids) + [0] * room], np.int64),
                }

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._inputs = inputs()

        def get_next(self) -> dict[str, NDArray[np.int64]] | None:
            return next(self._inputs, None)

    return Reader()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the tools' warnings about their own internals off the terminal."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.root.setLevel(level)
