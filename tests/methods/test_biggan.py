"""What makes BigGAN BigGAN: parts of the latent, a shared class vector, rows kept orthogonal, truncation."""

from __future__ import annotations

import pytest
import torch

from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.methods._adversarial import Adversaries
from imaginable.methods.biggan import Biggan
from imaginable.networks.biggan import BigganGenerator, ModulatedBatchNorm2d, parts
from imaginable.objectives.penalties import orthogonality

SPEC = DataSpec("images", (3, 32, 32), classes=("a", "b", "c"), count=8)


def players(**fields: object) -> Adversaries:
    torch.manual_seed(0)
    return Biggan(width=4, latents=16, embedding=8, **fields).networks(SPEC, {}).eval()  # type: ignore[arg-type]


def test_there_is_a_part_of_the_latent_for_every_resolution() -> None:
    assert [parts(size) for size in (32, 64, 128)] == [4, 5, 6]
    with pytest.raises(UserError, match="--latents 10: must be a multiple of 4 for 32 pixels"):
        Biggan(width=4, latents=10).networks(SPEC, {})


@pytest.mark.parametrize("part", range(4))
def test_every_part_of_the_latent_changes_the_picture(part: int) -> None:
    generator, z = players().generator, torch.randn(2, 16)
    other = z.clone()
    other[:, 4 * part : 4 * part + 4] += 1
    assert (generator(z) - generator(other)).abs().max() > 1e-5


def test_later_parts_reach_later_blocks_only() -> None:
    generator = players().generator
    assert isinstance(generator, BigganGenerator)
    seen: list[torch.Tensor] = []
    generator.blocks[0].register_forward_hook(lambda _, given, out: seen.append(out.detach()))
    z = torch.randn(2, 16)
    other = torch.cat([z[:, :8], z[:, 8:] + 1], 1)
    generator(z), generator(other)
    assert torch.equal(seen[0], seen[1])


def test_the_class_changes_the_picture_and_an_unknown_one_is_the_mean() -> None:
    generator, z = players().generator, torch.randn(1, 16)
    first, second = (generator(z, torch.tensor([label])) for label in (0, 2))
    assert (first - second).abs().max() > 1e-5
    torch.testing.assert_close(generator(z), generator(z, torch.tensor([-1])))


def test_a_modulated_norm_without_conditions_is_a_plain_one() -> None:
    layer, x = ModulatedBatchNorm2d(3, 2).train(), 5 + 2 * torch.randn(16, 3, 4, 4)
    out = layer(x, torch.zeros(16, 2))
    torch.testing.assert_close(out.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-3, rtol=0)


def test_orthogonality_is_zero_for_orthogonal_rows_and_a_sum_of_squared_products_otherwise() -> None:
    rows = torch.linalg.qr(torch.randn(6, 4))[0].T * torch.tensor([[1.0], [2.0], [0.5], [3.0]])
    assert float(orthogonality(rows)) == pytest.approx(0, abs=1e-9)
    weight = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    assert float(orthogonality(weight)) == pytest.approx(2 * (1 * 3 - 2 * 1) ** 2)
    kernel = torch.randn(3, 2, 3, 3)
    torch.testing.assert_close(orthogonality(kernel), orthogonality(kernel.flatten(1)))


def test_its_blocks_begin_with_orthogonal_weights() -> None:
    blocks = players().generator.get_submodule("blocks")
    weights = [weight.detach() for weight in blocks.parameters() if weight.ndim > 1]
    wide = [weight for weight in weights if len(weight) <= weight[0].numel()]
    assert len(wide) > 6
    for weight in wide:
        assert float(orthogonality(weight)) < 1e-6 * float(weight.square().sum()) ** 2
