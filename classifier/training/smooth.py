"""Activations made fit for 8 bits: the few channels with outliers are multiplied apart, in 32 bits.

One scale serves a whole input, so one value in the hundreds leaves nothing of the rest, and a pretrained encoder has
such values, always in the same few channels (LLM.int8(): Dettmers et al. 2022, arXiv 2208.07339). What is left is
evened out between input and matrix (SmoothQuant: Xiao et al. 2023, arXiv 2211.10438); where normalisation comes after
the residual the factors cannot be folded into the layer before, so they stay as one multiplication of the input.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

STRENGTH = 0.5
"""How much of an input's unevenness moves into the matrix: 0 nothing, 1 all of it."""
OUTLIERS = 16
"""Channels of each input that are multiplied apart."""


def smooth(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], strength: float = STRENGTH, outliers: int = OUTLIERS
) -> None:
    """Split every product of `model.encoder`, in place; what it computes stays the same.

    Args:
        batches: ids and masks, shape [posts, tokens] each, that the channels' largest values are taken from.
    """
    from torch import nn

    encoder: Any = model.encoder
    linears = {name: each for name, each in encoder.named_modules() if isinstance(each, nn.Linear)}
    largest = _largest(model, linears, batches)
    for name, linear in linears.items():
        parent, _, last = name.rpartition(".")
        split = _split(linear, largest[name].clamp(min=1e-5), strength, outliers)
        setattr(encoder.get_submodule(parent) if parent else encoder, last, split)


def _largest(
    model: nn.Module, linears: dict[str, nn.Linear], batches: Iterable[tuple[Tensor, Tensor]]
) -> dict[str, Tensor]:
    """Return the largest absolute value of each channel of each product's input."""
    import torch

    largest: dict[str, Tensor] = {}

    def watch(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Tensor]) -> None:
            found = inputs[0].detach().abs().flatten(0, -2).amax(0)
            largest[name] = torch.maximum(largest[name], found) if name in largest else found

        return hook

    handles = [each.register_forward_pre_hook(watch(name)) for name, each in linears.items()]
    with torch.inference_mode():
        for ids, mask in batches:
            model(ids, mask)
    for handle in handles:
        handle.remove()
    return largest


def _split(linear: nn.Linear, largest: Tensor, strength: float, outliers: int) -> nn.Module:
    import torch
    from torch import nn

    class Split(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            weight = linear.weight.detach()
            factors = largest.clone().pow(strength) / weight.abs().amax(0).clamp(min=1e-5).pow(1 - strength)
            apart = largest.topk(outliers).indices.sort().values
            inverse = 1 / factors
            inverse[apart] = 0
            self.register_buffer("inverse", inverse)
            self.register_buffer("apart", apart)
            self.exact = nn.Linear(outliers, linear.out_features)
            self.exact.weight.data = weight[:, apart].clone()
            self.exact.bias.data = linear.bias.detach().clone()
            self.rest = nn.Linear(linear.in_features, linear.out_features, bias=False)
            self.rest.weight.data = weight * factors
            self.rest.weight.data[:, apart] = 0

        def forward(self, states: Tensor) -> Tensor:
            inverse: Any = self.inverse
            apart: Any = self.apart
            result: Tensor = self.rest(states * inverse) + self.exact(torch.index_select(states, -1, apart))
            return result

    return Split()
