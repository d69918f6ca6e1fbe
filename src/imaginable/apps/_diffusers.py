"""A folder that `diffusers.AutoencoderKL` reads and writes: config.json and weights. diffusers itself is not needed."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from imaginable.core import config, files
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.methods._first_stage import FirstStage
from imaginable.methods._method import Trained, name_of
from imaginable.methods.autoencoder_kl import AutoencoderKl

CONFIG = "config.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"


@dataclass(frozen=True)
class Described:
    """config.json, with diffusers' names and defaults: what of theirs can be read, and all that is written."""

    block_out_channels: tuple[int, ...]
    layers_per_block: int
    latent_channels: int
    down_block_types: tuple[Literal["DownEncoderBlock2D"], ...]
    up_block_types: tuple[Literal["UpDecoderBlock2D"], ...]
    norm_num_groups: int = 32
    in_channels: int = 3
    out_channels: int = 3
    sample_size: int | tuple[int, int] = 512
    scaling_factor: float = 0.18215
    shift_factor: float | None = None
    use_quant_conv: bool = True
    use_post_quant_conv: bool = True
    act_fn: Literal["silu"] = "silu"
    mid_block_add_attention: Literal[True] = True
    latents_mean: Literal[None] = None
    latents_std: Literal[None] = None
    _class_name: Literal["AutoencoderKL"] = "AutoencoderKL"

    @property
    def method(self) -> AutoencoderKl:
        return AutoencoderKl(self.block_out_channels, self.layers_per_block, self.latent_channels, self.norm_num_groups)

    @property
    def size(self) -> int:
        """Pixels on a side."""
        return self.sample_size if isinstance(self.sample_size, int) else self.sample_size[0]


# names in weights from before diffusers 0.18, the first models of Stable Diffusion among them
_RENAMED = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
_UNSAFE = {".bin", ".pt", ".pth", ".ckpt"}


def write(trained: Trained, folder: Path) -> Described:
    """Writes the weights, then config.json; returns what stands in it."""
    method, (channels, size, _) = trained.method, trained.spec.shape
    assert isinstance(method, AutoencoderKl)
    stage, levels = _stage(trained), len(method.block_out_channels)
    described = Described(
        method.block_out_channels,
        method.layers_per_block,
        method.latent_channels,
        tuple("DownEncoderBlock2D" for _ in range(levels)),
        tuple("UpDecoderBlock2D" for _ in range(levels)),
        method.norm_num_groups,
        in_channels=channels,
        out_channels=channels,
        sample_size=size,
        scaling_factor=stage.scale.item(),
        shift_factor=stage.shift.item(),
    )
    state = {name: value.cpu().contiguous() for name, value in stage.networks.state_dict().items()}
    with files.replacing(folder / WEIGHTS) as temporary:
        safetensors.torch.save_file(state, temporary, {"format": "pt"})
    files.write_text(folder / CONFIG, json.dumps(config.to_mapping(described), indent=2) + "\n")
    return described


def read(path: Path, size: int | None = None) -> Trained:
    """The model of such a folder, or of a pipeline's folder with one named vae in it.

    size: pixels on a side of the pictures it is to take, by default the folder's own. Raises UserError
    for anything but an AutoencoderKL in safetensors.
    """
    folder = path / "vae" if (path / "vae" / CONFIG).exists() else path
    _refuse_unsafe(folder)
    described = _described(folder / CONFIG)
    method, size = described.method, size or described.size
    method.sizes.check(size, name_of(method))
    spec = DataSpec("images", (described.in_channels, size, size))
    trained = Trained(method, method.networks(spec, {}).eval().requires_grad_(False), spec)
    stage = _stage(trained)
    try:
        stage.networks.load_state_dict(_identities(described) | _tensors(folder / WEIGHTS))
    except RuntimeError as error:
        raise UserError(f"{folder / WEIGHTS}: the weights do not fit {CONFIG} beside it") from error
    stage.set_scale(described.scaling_factor, described.shift_factor or 0.0)
    return trained


def _stage(trained: Trained) -> FirstStage:
    stage = trained.networks.get_submodule("autoencoder")
    assert isinstance(stage, FirstStage)
    return stage


def _refuse_unsafe(folder: Path) -> None:
    if folder.is_file():
        found = folder if folder.suffix in _UNSAFE else None
        if found is None:
            raise UserError(f"{folder}: a file; name the folder that holds {CONFIG} and {WEIGHTS}")
    else:
        bins = [] if (folder / WEIGHTS).exists() else sorted(folder.glob("*.bin"))
        found = bins[0] if bins else None
    if found is not None:
        raise UserError(
            f"{found}: not opened, because such a file can run code; save the model anew as safetensors "
            "(in diffusers: model.save_pretrained(folder))"
        )


def _described(path: Path) -> Described:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; name the folder that diffusers' save_pretrained wrote") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from error
    known = {field.name for field in fields(Described)}
    if isinstance(found, dict):  # what else stands in it decides no output
        found = {name: value for name, value in found.items() if name in known}
    described = config.from_mapping(Described, found, str(path))
    numbers = (described.layers_per_block, described.latent_channels, described.norm_num_groups, described.in_channels)
    if min(numbers) < 1 or not described.scaling_factor > 0:
        raise UserError(f"{path}: layers, channels, groups and the scaling_factor must be positive")
    if described.in_channels != described.out_channels:
        raise UserError(f"{path}: in_channels and out_channels differ: this is no autoencoder")
    return described


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors = safetensors.torch.load_file(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path}: damaged ({error})") from error
    return {_renamed(name): value for name, value in tensors.items()}


def _renamed(name: str) -> str:
    for old, new in _RENAMED.items():
        name = name.replace(old, new)
    return name


def _identities(described: Described) -> dict[str, Tensor]:
    """Some models do without the two 1 x 1 convolutions around the latents: here these then change nothing."""
    filled, channels = {}, described.latent_channels
    for name, used, wide in (
        ("quant_conv", described.use_quant_conv, 2 * channels),
        ("post_quant_conv", described.use_post_quant_conv, channels),
    ):
        if not used:
            filled[f"{name}.weight"] = torch.eye(wide)[:, :, None, None]
            filled[f"{name}.bias"] = torch.zeros(wide)
    return filled
