"""What β-VAE and β-TCVAE weigh."""

from __future__ import annotations

import pytest
import torch

from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.methods.beta_tc_vae import BetaTcVae
from imaginable.methods.beta_vae import BetaVae
from imaginable.methods.vae import Vae

SPEC = DataSpec("images", (1, 16, 16), count=6)
X = Batch(torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1)


def terms(method: BetaVae | BetaTcVae | Vae, fraction: float = 1.0) -> dict[str, float]:
    torch.manual_seed(0)
    nets = method.networks(SPEC, {})
    torch.manual_seed(1)
    loss_function = {Vae: "negative_bound", BetaVae: "weighted_bound", BetaTcVae: "decomposed_bound"}[type(method)]
    loss = getattr(method, loss_function)(nets, X, Progress(round(100 * fraction), 100, 5))
    return {"total": loss.total.item(), **{name: value.item() for name, value in loss.terms.items()}}


def test_beta_weighs_the_kl_and_one_is_the_vae() -> None:
    found = terms(BetaVae(latents=3, width=8, beta=7.0))
    assert found["total"] == pytest.approx(found["reconstruction"] + 7.0 * found["kl"], rel=1e-6)
    assert terms(BetaVae(latents=3, width=8, beta=1.0))["total"] == pytest.approx(
        terms(Vae(latents=3, width=8, kl_warmup=0.0))["total"], rel=1e-6
    )


@pytest.mark.parametrize(("fraction", "capacity"), [(0.1, 4.0), (0.5, 20.0), (1.0, 20.0)])
def test_capacity_rises_over_half_of_the_run(fraction: float, capacity: float) -> None:
    found = terms(BetaVae(latents=3, width=8, capacity=20.0, gamma=10.0), fraction)
    assert found["kl"] < capacity  # else the absolute value would have another sign
    assert found["total"] == pytest.approx(found["reconstruction"] + 10.0 * (capacity - found["kl"]), rel=1e-6)


def test_the_three_parts_are_weighed_each_by_its_own() -> None:
    found = terms(BetaTcVae(latents=3, width=8, alpha=2.0, beta=5.0, gamma=0.5))
    parts = 2.0 * found["information"] + 5.0 * found["correlation"] + 0.5 * found["dimensions"]
    assert found["total"] == pytest.approx(found["reconstruction"] + parts, rel=1e-6)


def test_the_parts_are_of_the_training_data_however_small_the_batch() -> None:
    small = BetaTcVae(latents=3, width=8).networks(DataSpec("images", (1, 16, 16), count=5000), {})
    assert small.count == 5000
