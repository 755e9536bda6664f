"""The network: a few layers of a pretrained encoder, a head for the labels and one for the evidence.

Torch and transformers are imported where they are used: `import classifier.training` must stay quick.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.artefact import TAGS
from classifier.errors import TrainingError
from classifier.verdict import POSITIVE_LABELS

if TYPE_CHECKING:
    from torch import Tensor, nn


def evenly_spaced(layers: int, of: int) -> list[int]:
    """Return which of `of` layers make up an encoder of `layers`, the first and the last among them.

    Raises:
        TrainingError: if there are not that many.
    """
    if not 1 <= layers <= of:
        raise TrainingError(f"the backbone has {of} layers, {layers} cannot be taken from it")
    if layers == 1:
        return [of - 1]
    return [round(i * (of - 1) / (layers - 1)) for i in range(layers)]


def load_encoder(backbone: Path, layers: int | None = None) -> nn.Module:
    """Load the encoder in the directory `backbone`, cut down to `layers` of its layers.

    Raises:
        TrainingError: if its layers cannot be found.
    """
    from transformers import AutoConfig, AutoModel

    extra = _no_pooler(AutoConfig.from_pretrained(backbone))
    encoder: nn.Module = AutoModel.from_pretrained(backbone, attn_implementation="eager", **extra)  # quicker on a CPU
    if layers is not None:
        keep_layers(encoder, layers)
    return encoder


def _no_pooler(config: Any) -> dict[str, bool]:
    """Return the argument that leaves out the pooling layer, for the models that have one."""
    return {"add_pooling_layer": False} if config.model_type in ("bert", "roberta", "xlm-roberta") else {}


def keep_layers(encoder: Any, layers: int) -> None:
    """Leave only `layers` of an encoder's layers, evenly spaced.

    Raises:
        TrainingError: if its layers cannot be found.
    """
    from torch import nn

    holder: Any = getattr(encoder, "encoder", encoder)
    name = next((name for name in ("layer", "layers") if isinstance(getattr(holder, name, None), nn.ModuleList)), "")
    if not name:
        raise TrainingError(f"a {encoder.config.model_type} model, whose layers cannot be taken out")
    stack = getattr(holder, name)
    setattr(holder, name, nn.ModuleList(stack[i] for i in evenly_spaced(layers, len(stack))))
    encoder.config.num_hidden_layers = layers


def student_of(teacher: nn.Module, layers: int) -> nn.Module:
    """Return a copy of `teacher` that has only `layers` of its layers."""
    student = copy.deepcopy(teacher)
    keep_layers(student.encoder, layers)
    return student


def build(encoder: nn.Module, dropout: float = 0.1) -> nn.Module:
    """Put the two heads on `encoder`.

    The module takes input_ids and attention_mask, shape [posts, tokens], and returns label logits [posts, 2] in the
    order of `POSITIVE_LABELS` and tag logits [posts, tokens, 9] in the order of `TAGS`.
    """
    import torch
    from torch import nn

    class EncoderModel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            config: Any = encoder.config
            hidden: int = config.hidden_size
            self.encoder = encoder
            self.dropout = nn.Dropout(dropout)
            self.label_dense = nn.Linear(hidden, hidden)
            self.label_head = nn.Linear(hidden, len(POSITIVE_LABELS))
            self.tag_head = nn.Linear(hidden, len(TAGS))

        def read(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            """Return the tokens' states, what the label head sees, and both heads' logits."""
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            # ONNX Runtime sums a single row in another order than several, so a post alone would differ in the eighth
            # digit from the same one in a batch: pooling and head never see one row.
            states_and_one = torch.cat([states, states[:1]])
            pooled = mean_pool(states_and_one, torch.cat([attention_mask, attention_mask[:1]]))
            features = self.dropout(torch.tanh(self.label_dense(self.dropout(pooled))))
            labels = self.label_head(features)[:-1]
            return states, features[:-1], labels, self.tag_head(self.dropout(states))

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
            _, _, labels, tags = self.read(input_ids, attention_mask)
            return labels, tags

    return EncoderModel()


def mean_pool(states: Tensor, attention_mask: Tensor) -> Tensor:
    """Average the states of the tokens that are not padding: [posts, tokens, hidden] to [posts, hidden]."""
    mask = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1)


def save(model: nn.Module, directory: Path, *, facts: Mapping[str, Any] | None = None) -> None:
    """Write weights and config to `directory`; its `tokenizer.json` is the caller's to put there."""
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    encoder: Any = model.encoder
    save_file(
        {name: tensor.contiguous() for name, tensor in model.state_dict().items()}, directory / "model.safetensors"
    )
    config = encoder.config.to_dict() | {"falsepassage": dict(facts or {})}
    (directory / "config.json").write_text(json.dumps(config, indent=2, default=str) + "\n")


def restore(directory: Path) -> nn.Module:
    """Load what `save` wrote, ready for inference."""
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(directory)
    from_config: Any = AutoModel.from_config
    model = build(from_config(config, attn_implementation="eager", **_no_pooler(config)))
    model.load_state_dict(load_file(directory / "model.safetensors"))
    return model.eval()
