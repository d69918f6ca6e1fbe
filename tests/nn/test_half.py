"""Networks in bfloat16, for use only."""

import numpy as np
import torch
from torch import nn

from imaginable.core.types import DataSpec
from imaginable.data import images
from imaginable.methods._method import Trained
from imaginable.methods.dcgan import Dcgan
from imaginable.methods.progan import Progan
from imaginable.methods.sagan import Sagan
from imaginable.methods.stylegan import Stylegan
from imaginable.methods.stylegan2 import Stylegan2
from imaginable.model import Model
from imaginable.nn.equalised import EqualisedConvolution
from imaginable.nn.half import folded, halved, shuffled


def test_folding_a_batch_norm_leaves_the_numbers() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.ConvTranspose2d(4, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 3))
    layers(torch.randn(8, 4, 5, 5) + 1)  # statistics, and not those it begins with
    x = torch.randn(2, 4, 5, 5)
    quick = folded(layers.eval())
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in quick.modules())
    torch.testing.assert_close(quick(x), layers(x))


@torch.no_grad()
def test_a_doubling_to_few_channels_is_the_same_as_a_plain_convolution() -> None:
    torch.manual_seed(0)
    for bias in (True, False):
        layer, x = nn.ConvTranspose2d(5, 3, 4, 2, 1, bias=bias), torch.randn(2, 5, 6, 7)
        torch.testing.assert_close(shuffled(layer)(x), layer(x))
    to_many, to_few = nn.ConvTranspose2d(4, 64, 4, 2, 1), nn.ConvTranspose2d(64, 3, 4, 2, 1)
    kinds = [type(layer) for layer in halved(nn.Sequential(to_many, to_few, nn.ConvTranspose2d(3, 3, 2, 2)))]
    assert kinds == [nn.ConvTranspose2d, nn.Sequential, nn.ConvTranspose2d]


@torch.no_grad()
def test_scales_at_run_time_are_multiplied_in() -> None:
    torch.manual_seed(0)
    layer, x = EqualisedConvolution(5, 6, 3, gain=1.5, stride=2, padding=0), torch.randn(2, 5, 9, 7)
    assert layer.bias is not None
    nn.init.normal_(layer.bias)
    (quick,) = halved(nn.Sequential(layer))
    assert isinstance(quick, EqualisedConvolution)
    assert quick.weight.dtype == torch.bfloat16
    assert (quick.weight_gain, quick.bias_gain) == (1, 1)
    torch.testing.assert_close(quick.float()(x), layer(x), rtol=0, atol=0.03)


def model(method: Dcgan | Sagan | Progan | Stylegan | Stylegan2) -> Model:
    torch.manual_seed(0)
    spec = DataSpec("images", (3, 32, 32))
    networks = method.networks(spec, {})
    networks.generator(torch.randn(64, method.latents))
    return Model(Trained(method, networks.eval().requires_grad_(False), spec), {})


def test_half_decodes_to_nearly_the_same_pictures_and_leaves_the_model_alone() -> None:
    few = {"latents": 8, "width": 4, "most": 16}
    kinds = Dcgan(width=8), Sagan(width=16), Progan(**few), Stylegan(**few, styles=16), Stylegan2(**few, styles=16)
    for method in kinds:
        whole = model(method)
        before = {name: value.clone() for name, value in whole.trained.networks.state_dict().items()}
        half, codes = whole.half(), whole.latents(70)
        decoded = half.decode_tensor(codes)
        assert decoded.dtype == torch.float32
        expected = whole.decode_array(codes).astype(int)
        greys = abs(images.to_uint8(decoded).astype(int) - expected)
        assert np.quantile(greys, 0.999) <= 8
        assert not torch.equal(decoded, whole.decode_tensor(codes))  # else nothing was gained
        after = half.trained.networks.state_dict()
        assert all(torch.equal(after[name], value) for name, value in before.items())


def test_half_gives_the_same_again_whatever_the_batch() -> None:
    half = model(Dcgan(width=8)).half()
    codes = half.latents(70)
    together = half.decode_array(codes)
    assert (together == half.decode_array(codes)).all()
    assert (half.decode_array(codes[3:4]) == together[3:4]).all()
