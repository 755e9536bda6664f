"""Products made fit for 8 bits compute what they computed before."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the training extra is not installed")


def test_a_split_network_computes_the_same_and_its_outliers_are_apart() -> None:
    from classifier.training.smooth import smooth

    torch.manual_seed(1)
    first = torch.nn.Linear(24, 40)
    first.weight.data[5] *= 300  # a channel of outliers, as pretrained encoders have them
    encoder = torch.nn.Sequential(first, torch.nn.GELU(), torch.nn.Linear(40, 8))

    class Model(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, ids: object, mask: object) -> object:
            return self.encoder(ids)

    model = Model().eval()
    states = torch.randn(4, 6, 24)
    before = model(states, None)
    smooth(model, [(states, states)], outliers=4)
    torch.testing.assert_close(model(states, None).detach(), before.detach(), rtol=1e-4, atol=1e-4)
    split = encoder[2]
    assert 5 in split.apart.tolist()
    hidden = (encoder[1](encoder[0](states)) * split.inverse).detach()
    assert float(hidden.abs().max() / hidden.abs().mean()) < 40
