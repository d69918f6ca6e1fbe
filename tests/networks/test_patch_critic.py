"""The critic's patches: how many, how wide, and that no item sees another."""

import pytest
import torch

from imaginable.networks.patch_critic import PatchCritic, levels_for


@pytest.mark.parametrize(("levels", "size", "patches"), [(1, 8, 2), (1, 32, 14), (2, 64, 14), (3, 32, 2), (3, 256, 30)])
def test_one_logit_a_patch(levels: int, size: int, patches: int) -> None:
    critic = PatchCritic(2, width=4, levels=levels)
    assert critic(torch.randn(3, 2, size, size)).shape == (3, patches, patches)


@pytest.mark.parametrize(("levels", "wide"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_is_as_wide_as_said(levels: int, wide: int) -> None:
    """Only convolutions see neighbours: the group norms, which see the whole picture, are taken out."""
    critic = PatchCritic(1, width=2, levels=levels)
    kept = torch.nn.Sequential(*(layer for layer in critic.layers if not isinstance(layer, torch.nn.GroupNorm)))
    for parameter in kept.parameters():
        torch.nn.init.constant_(parameter, 0.1)
    x = torch.ones(1, 1, 160, 160, requires_grad=True)
    logits = kept(x)
    logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2].backward()
    assert x.grad is not None
    seen = x.grad[0, 0].abs() > 0
    assert int(seen.any(0).sum()) == wide
    assert int(seen.any(1).sum()) == wide


def test_items_do_not_influence_each_other() -> None:
    torch.manual_seed(0)
    critic, x = PatchCritic(3, width=8, levels=2), torch.randn(4, 3, 32, 32)
    torch.testing.assert_close(critic(x)[1:2], critic(x[1:2]))


@pytest.mark.parametrize(("channels", "layout", "numbers"), [(6, "pix2pix", 2_768_705), (3, "cyclegan", 2_764_737)])
def test_the_published_shapes(channels: int, layout: str, numbers: int) -> None:
    with torch.device("meta"):
        critic = PatchCritic(channels, layout=layout)  # type: ignore[arg-type]
    assert sum(parameter.numel() for parameter in critic.parameters()) == numbers  # 2.769 M and 2.765 M
    assert critic(torch.empty(1, channels, 256, 256, device="meta")).shape == (1, 30, 30)


def test_our_layout_is_the_one_that_models_are_saved_with() -> None:
    shapes = {name: tuple(value.shape) for name, value in PatchCritic(3, width=8, levels=1).state_dict().items()}
    assert shapes == {
        "layers.0.weight": (8, 3, 4, 4),
        "layers.0.bias": (8,),
        "layers.2.weight": (16, 8, 4, 4),
        "layers.3.weight": (16,),
        "layers.3.bias": (16,),
        "layers.5.weight": (1, 16, 4, 4),
    }


def test_a_patch_is_about_half_the_picture() -> None:
    assert [levels_for(size) for size in (16, 32, 64, 128, 256)] == [1, 1, 2, 3, 3]
