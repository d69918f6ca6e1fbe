"""The public checkpoints of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958, arXiv:2006.06676) and StyleGAN3 (Karras et
al. 2021, arXiv:2106.12423), as their authors' programs write them, as models of this package.

Sizes are read off the tensors. What no tensor shows (the kind of activation, say) is in the arguments that the networks
were made with, and must be what these networks have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from imaginable.apps import _pickled_values
from imaginable.apps._pickled_values import Record
from imaginable.apps._pickles import RefusedError
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.methods._method import Method, Trained
from imaginable.methods.stylegan2 import Stylegan2
from imaginable.methods.stylegan3 import LEAST_LAYERS, Stylegan3
from imaginable.networks import stylegan2, stylegan3
from imaginable.networks.stylegan3_layers import stages

MOST_LAYERS = 64
_ALWAYS: dict[str, object] = {
    "activation": "lrelu",
    "lr_multiplier": 0.01,
    "use_noise": True,
    "mbstd_num_channels": 1,
    "num_critical": 2,
    "first_cutoff": 2,
    "first_stopband": 2**2.1,
    "last_stopband_rel": 2**0.3,
    "margin_size": 10,
    "output_scale": 0.25,
    "filter_size": 6,
    "lrelu_upsampling": 2,
}
"""arguments whose value is part of these networks, wherever they are given"""


@dataclass(frozen=True)
class Imported:
    """trained: with the averaged generator, and the file's discriminator unless there is a reason `unjudged`."""

    trained: Trained
    unjudged: str = ""


@dataclass(frozen=True)
class _Network:
    """One of a file's networks."""

    record: Record
    tensors: Mapping[str, Tensor]

    def size(self, name: str, axis: int) -> int:
        if name not in self.tensors or self.tensors[name].ndim <= axis:
            raise RefusedError(f"holds no StyleGAN2 and no StyleGAN3: {name} is missing")
        return self.tensors[name].shape[axis]

    def numbers(self, pattern: str) -> list[int]:
        """Those that stand in the names of its tensors."""
        return sorted({int(found[1]) for name in self.tensors if (found := re.match(pattern, name))})

    def arguments(self) -> Iterator[tuple[str, Any]]:
        """Names and values of what it was made with, at most three mappings deep."""
        level = [self.record.part("_init_kwargs")]
        for _ in range(3):
            each = [pair for mapping in level for pair in mapping.items()]
            yield from ((name, value) for name, value in each if not isinstance(value, dict))
            level = list({id(value): value for _, value in each if isinstance(value, dict)}.values())


def read(path: Path) -> Imported:
    """Raises UserError, in one line, for what is no such checkpoint, or one of other networks."""
    found = _pickled_values.read(path)
    try:
        generator, discriminator = (_network(found, name) for name in ("G_ema", "D"))
        if generator is None:
            raise RefusedError("holds no G_ema, the averaged generator of an official checkpoint")
        return _imported(generator, discriminator)
    except (RefusedError, UserError) as error:  # the method's own refusals know of no file
        raise UserError(f"{path}: {error}") from error


def _network(found: Mapping[Any, Any], name: str) -> _Network | None:
    record = found.get(name)
    return _Network(record, record.tensors()) if isinstance(record, Record) else None


def _imported(generator: _Network, discriminator: _Network | None) -> Imported:
    of_3 = "synthesis.input.freqs" in generator.tensors
    _check(generator, {} if of_3 else {"architecture": "skip"})
    method, spec = _stylegan3(generator) if of_3 else _stylegan2(generator)
    if spec.shape[0] not in (1, 3):
        raise RefusedError(f"makes pictures of {spec.shape[0]} channels; 1 and 3 can be read")
    method.check(spec)
    states = {"generator": _renamed(stylegan3.from_public if of_3 else stylegan2.from_public, generator)}
    with torch.device("meta"):  # nothing is allocated before all sizes are known to be the file's
        expected = method.networks(spec, {})
    _fit(expected, "generator", states["generator"])
    unjudged = ""
    try:
        states["discriminator"] = _discriminator(expected, discriminator)
    except RefusedError as error:  # that of CIFAR-10's official file, for one, is not residual
        unjudged = str(error)
    with torch.random.fork_rng(devices=[]):
        networks = method.networks(spec, {}).eval().requires_grad_(False)
    for name, state in states.items():
        networks.get_submodule(name).load_state_dict(state)
    return Imported(Trained(method, networks, spec), unjudged)


def _discriminator(expected: nn.Module, found: _Network | None) -> dict[str, Tensor]:
    if found is None:
        raise RefusedError("is missing")
    _check(found, {"architecture": "resnet"})
    state = _renamed(stylegan2.from_public, found)
    _fit(expected, "discriminator", state)
    return state


def _check(network: _Network, further: dict[str, object]) -> None:
    """Raises RefusedError for arguments of other networks than these."""
    expected = _ALWAYS | further
    for name, value in network.arguments():
        if name in expected and (not isinstance(value, int | float | str) or value != expected[name]):
            raise RefusedError(f"was made with {name}={_shown(value)}; only {expected[name]} can be read")
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    for name, tensor in network.tensors.items():
        if name.endswith("resample_filter") and not torch.equal(tensor, torch.outer(taps, taps)):
            raise RefusedError(f"has another filter than 1 3 3 1 in {name}")


def _shown(value: Any) -> str:
    """What is short; of the rest its kind, for a number of many digits may take for ever to write."""
    if isinstance(value, str):
        return value[:30]
    short = isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**31)
    return str(value) if short else type(value).__name__


def _renamed(rename: Callable[[Mapping[str, Tensor]], dict[str, Tensor]], network: _Network) -> dict[str, Tensor]:
    try:
        return rename(network.tensors)
    except (LookupError, RuntimeError) as error:
        raise RefusedError("does not fit: its embedding of classes is none") from error


def _fit(networks: nn.Module, player: str, state: Mapping[str, Tensor]) -> None:
    wanted = {name: tuple(value.shape) for name, value in networks.get_submodule(player).state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            has, needs = (shapes.get(name, "none") for shapes in (found, wanted))
            raise RefusedError(f"does not fit: the {player}'s {name} is {has}, and {needs} was expected")


def _mapping(generator: _Network) -> tuple[int, int, int, tuple[str, ...]]:
    """Latents, styles, layers of the mapping, and classes: a file has no names of them, so they are numbers."""
    styles, depth = generator.size("mapping.w_avg", 0), len(generator.numbers(r"mapping\.fc(\d+)\."))
    classes = generator.size("mapping.embed.weight", 1) if "mapping.embed.weight" in generator.tensors else 0
    latents = generator.size("mapping.fc0.weight", 1) - (styles if classes else 0)
    if latents < 1:
        raise RefusedError("makes pictures of classes alone, without latents; such a generator cannot be read")
    return latents, styles, depth, tuple(map(str, range(classes)))


def _stylegan2(generator: _Network) -> tuple[Method[Any], DataSpec]:
    latents, styles, depth, classes = _mapping(generator)
    sizes = generator.numbers(r"synthesis\.b(\d+)\.") or [0]
    wides = [generator.size(f"synthesis.b{size}.conv1.weight", 0) for size in reversed(sizes)]
    size, width, most = sizes[-1], wides[0], max(wides)
    if wides != stylegan2.widths(width, most, size):
        raise RefusedError(
            f"has {wides} channels from the picture down; only ones doubled up to some number can be read"
        )
    channels = generator.size(f"synthesis.b{size}.torgb.weight", 0)
    method = Stylegan2(latents=latents, styles=styles, width=width, most=most, depth=depth)
    return method, DataSpec("images", (channels, size, size), classes)


def _stylegan3(generator: _Network) -> tuple[Method[Any], DataSpec]:
    latents, styles, depth, classes = _mapping(generator)
    named = [re.match(r"synthesis\.L(\d+)_(\d+)_(\d+)\.weight$", name) for name in generator.tensors]
    found = sorted((int(one[1]), int(one[2]), int(one[3])) for one in named if one)
    layers = len(found) - 1
    if not LEAST_LAYERS <= layers <= MOST_LAYERS:
        raise RefusedError(f"has {layers} layers; from {LEAST_LAYERS} to {MOST_LAYERS} can be read")
    _, size, channels = found[-1]
    Stylegan3.sizes.check(size, "stylegan3")
    width, most = found[-2][2], max(wide for *_, wide in found[:-1])
    made = stages(size, layers, width * size // 2, most)
    if found[:-1] != [(number, stage.size, stage.channels) for number, stage in enumerate(made)]:
        raise RefusedError("has layers of other sizes than StyleGAN3's; only those of its default bands can be read")
    more = 2 if _rotates(generator) else 1
    method = Stylegan3(
        variant="R" if more == 2 else "T",
        latents=latents,
        styles=styles,
        width=width // more,
        most=most // more,
        layers=layers,
        depth=depth,
    )
    return method, DataSpec("images", (channels, size, size), classes)


def _rotates(generator: _Network) -> bool:
    """R has 1 x 1 kernels and filters in two dimensions, T neither."""
    pointwise = any(
        re.match(r"synthesis\.L0_\d+_\d+\.weight$", name) and value.shape[-1] == 1
        for name, value in generator.tensors.items()
        if value.ndim
    )
    radial = any(name.endswith("down_filter") and value.ndim == 2 for name, value in generator.tensors.items())
    if pointwise != radial:
        raise RefusedError("has 1 x 1 kernels without radial filters, or the other way round; only T and R can be read")
    return radial
