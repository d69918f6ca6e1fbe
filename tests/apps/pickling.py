"""Files as the programs of StyleGAN2-ADA-PyTorch and StyleGAN3 write them, with weights of this package's networks.

Names and nesting are theirs; modules and classes of theirs are stood in for by ones that exist while a file is written.
"""

from __future__ import annotations

import math
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imaginable.networks.stylegan2 import Stylegan2Discriminator, Stylegan2Generator
from imaginable.networks.stylegan3 import Stylegan3Generator
from imaginable.networks.stylegan3_layers import Stage

BUFFERS = ("noise_const", "w_avg", "filter", "freqs", "phases", "transform", "magnitude_ema")
"""how names of tensors end that are no parameters"""


class EasyDict(dict[str, Any]):
    """An attribute dictionary, as theirs."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _reconstruct_persistent_obj(described: dict[str, Any]) -> None:
    raise AssertionError("only named, never called")


class Persistent:
    """What is written as theirs write a module: a call with the source of its class and its attributes."""

    def __init__(self, class_name: str, state: dict[str, Any], source: str) -> None:
        self.described = EasyDict(type="class", version=6, module_src=source, class_name=class_name, state=state)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _reconstruct_persistent_obj, (self.described,)


@contextmanager
def their_modules() -> Iterator[None]:
    """Theirs can be imported, as pickle demands of what it writes."""
    homes: dict[str, Any] = {
        "dnnlib.util": EasyDict,
        "torch_utils.persistence": _reconstruct_persistent_obj,
    }
    made: dict[str, ModuleType] = {}
    for name, thing in homes.items():
        made |= {name.split(".")[0]: ModuleType(name.split(".")[0]), name: ModuleType(name)}
        setattr(made[name], thing.__name__, thing)
        thing.__module__ = name
    sys.modules.update(made)
    try:
        yield
    finally:
        for name in made:
            del sys.modules[name]
        for thing in homes.values():
            thing.__module__ = __name__


def module(tensors: Mapping[str, Tensor], source: str, name: str = "Generator", **attributes: Any) -> Persistent:
    """A module with modules in it, from tensors whose names have dots."""
    parameters: OrderedDict[str, Any] = OrderedDict()
    buffers: OrderedDict[str, Any] = OrderedDict()
    inside: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        first, dot, rest = key.partition(".")
        if dot:
            inside.setdefault(first, {})[rest] = tensor
        elif first.endswith(BUFFERS):
            buffers[first] = tensor
        else:
            parameters[first] = nn.Parameter(tensor, requires_grad=False)
    state = {
        "training": False,
        "_parameters": parameters | {"none": None},
        "_buffers": buffers,
        "_non_persistent_buffers_set": set(),
        "_modules": OrderedDict((key, module(part, source, f"Part{key}")) for key, part in inside.items()),
        "sampling_rate": np.float64(16.0),
        "sizes": np.broadcast_to(np.asarray(36), [2]).copy(),
        "shape": torch.Size([1, 2]),
        "device": torch.device("cpu"),
        "dtype": torch.float32,
    }
    return Persistent(name, state | attributes, source)


def file_of(content: Any, protocol: int = 4) -> bytes:
    with their_modules():
        return pickle.dumps(content, protocol=protocol)


def _parts(ours: Mapping[str, Tensor], prefix: str, theirs: str) -> dict[str, Tensor]:
    """All tensors below a name, below another."""
    start = f"{prefix}."
    return {f"{theirs}.{name[len(start) :]}": tensor for name, tensor in ours.items() if name.startswith(start)}


def _mapping(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Vectors of classes as a linear layer on one-hot labels, with a bias."""
    state = {f"mapping.fc{name}": one for name, one in _parts(ours, "mapping.layers", "").items()}
    state = {name.replace("fc.", "fc"): one for name, one in state.items()}
    if "mapping.classes.weight" in ours:
        vectors = ours["mapping.classes.weight"]
        bias = torch.linspace(-1, 1, vectors.shape[1])
        state["mapping.embed.weight"] = (vectors - bias).T.contiguous() * math.sqrt(len(vectors))
        state["mapping.embed.bias"] = bias
    return state


def stylegan2_generator(network: Stylegan2Generator) -> dict[str, Tensor]:
    """Its tensors under the authors' names."""
    ours, taps = network.state_dict(), torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    state = {"synthesis.b4.const": ours["constant"], **_mapping(ours), "mapping.w_avg": ours["average"]}
    for level in range(len(network.same)):
        block = f"synthesis.b{4 * 2**level}"
        for theirs, part in {"conv1": f"same.{level}", "conv0": f"up.{level - 1}"}.items():
            if f"{part}.noise.strength" in ours:
                state |= _parts(ours, f"{part}.convolution", f"{block}.{theirs}")
                state[f"{block}.{theirs}.noise_const"] = ours[f"{part}.noise.constant"]
                state[f"{block}.{theirs}.noise_strength"] = ours[f"{part}.noise.strength"]
        state |= _parts(ours, f"pictures.{level}", f"{block}.torgb")
        state[f"{block}.resample_filter"] = torch.outer(taps, taps)
    return state


def stylegan2_discriminator(network: Stylegan2Discriminator) -> dict[str, Tensor]:
    ours, levels = network.state_dict(), len(network.blocks)
    state = _mapping(ours) | _parts(ours, "first", f"b{4 * 2**levels}.fromrgb")
    for number in range(levels):
        for theirs, part in {"conv0": "first", "conv1": "second", "skip": "shortcut"}.items():
            state |= _parts(ours, f"blocks.{number}.{part}", f"b{4 * 2 ** (levels - number)}.{theirs}")
    for theirs, part in {"conv": "last", "fc": "hidden", "out": "features"}.items():
        state |= _parts(ours, part, f"b4.{theirs}")
    return state


def stylegan3_generator(network: Stylegan3Generator, made: Sequence[Stage]) -> dict[str, Tensor]:
    """made: what its layers put out."""
    ours = network.state_dict()
    rotates = ours["synthesis.layers.0.convolution.weight"].shape[-1] == 1
    state = {**_mapping(ours), "mapping.w_avg": ours["average"], **_parts(ours, "synthesis.input", "synthesis.input")}
    for number, stage in enumerate(made):
        name = f"synthesis.L{number}_{stage.size}_{stage.channels}"
        state |= _parts(ours, f"synthesis.layers.{number}.convolution", name)
        state[f"{name}.down_filter"] = torch.ones(12, 12) if rotates and not stage.critical else torch.ones(12)
    name = f"synthesis.L{len(made)}_{made[-1].size}_{len(ours['synthesis.colours.bias'])}"
    return state | _parts(ours, "synthesis.colours", name)


def write(
    path: Path,
    generator: Mapping[str, Tensor],
    discriminator: Mapping[str, Tensor] | None = None,
    arguments: Mapping[str, Any] = MappingProxyType({}),
    judges: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """A file whose source makes another beside it, should it ever be run. arguments, judges: what its generator and its
    discriminator were made with."""
    source = f"import pathlib\npathlib.Path({str(path.with_suffix('.ran'))!r}).touch()\n"
    kwargs = EasyDict(z_dim=8, mapping_kwargs=EasyDict(num_layers=2), synthesis_kwargs=EasyDict(arguments))
    made = module(generator, source, _init_args=(), _init_kwargs=kwargs)
    judge = discriminator and module(discriminator, source, "Discriminator", _init_kwargs=EasyDict(judges))
    content = {"G": made, "D": judge, "G_ema": made, "training_set_kwargs": EasyDict(), "augment_pipe": None}
    path.write_bytes(file_of(content))
    return path
