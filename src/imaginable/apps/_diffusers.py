"""A folder that `diffusers.AutoencoderKL` reads and writes: config.json and weights. diffusers itself is not needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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

_SHARED = ("block_out_channels", "layers_per_block", "latent_channels", "norm_num_groups")
_ONLY = {"_class_name": "AutoencoderKL", "act_fn": "silu", "mid_block_add_attention": True}
_BLOCKS = {"down_block_types": "DownEncoderBlock2D", "up_block_types": "UpDecoderBlock2D"}
# what diffusers takes where its config.json does not say
_SCALING_FACTOR = 0.18215
# names in weights from before diffusers 0.18, the first models of Stable Diffusion among them
_RENAMED = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
_UNSAFE = {".bin", ".pt", ".pth", ".ckpt"}


def write(trained: Trained, folder: Path) -> dict[str, Any]:
    """Writes the weights, then config.json; returns what stands in it."""
    method, (channels, size, _) = trained.method, trained.spec.shape
    assert isinstance(method, AutoencoderKl)
    stage = _stage(trained)
    described = {
        **_ONLY,
        **{name: getattr(method, name) for name in _SHARED},
        **{name: [block] * len(method.block_out_channels) for name, block in _BLOCKS.items()},
        "in_channels": channels,
        "out_channels": channels,
        "sample_size": size,
        "scaling_factor": stage.scale.item(),
        "shift_factor": stage.shift.item(),
    }
    state = {name: value.cpu().contiguous() for name, value in stage.networks.state_dict().items()}
    with files.replacing(folder / WEIGHTS) as temporary:
        safetensors.torch.save_file(state, temporary, {"format": "pt"})
    files.write_text(folder / CONFIG, json.dumps(described, indent=2) + "\n")
    return described


def read(path: Path, size: int | None = None) -> Trained:
    """The model of such a folder, or of a pipeline's folder with one named vae in it.

    size: pixels on a side of the pictures it is to take, by default the folder's own. Raises UserError
    for anything but an AutoencoderKL in safetensors.
    """
    folder = path / "vae" if (path / "vae" / CONFIG).exists() else path
    _refuse_unsafe(folder)
    described = _described(folder / CONFIG)
    fields = {name: described[name] for name in _SHARED if name in described}
    _require(folder / CONFIG, fields, _SHARED)
    method = config.from_mapping(AutoencoderKl, fields, str(folder / CONFIG))
    size = size or _size(described)
    method.sizes.check(size, name_of(method))
    spec = DataSpec("images", (described.get("in_channels", 3), size, size))
    trained = Trained(method, method.networks(spec, {}).eval().requires_grad_(False), spec)
    stage = _stage(trained)
    try:
        stage.networks.load_state_dict(_with_identities(_tensors(folder / WEIGHTS), method, described))
    except RuntimeError as error:
        raise UserError(f"{folder / WEIGHTS}: the weights do not fit {CONFIG} beside it") from error
    stage.set_scale(described.get("scaling_factor") or _SCALING_FACTOR, described.get("shift_factor") or 0.0)
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


def _described(path: Path) -> dict[str, Any]:
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; name the folder that diffusers' save_pretrained wrote") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from error
    wanted = _ONLY | {"out_channels": described.get("in_channels", 3)} | dict.fromkeys(("latents_mean", "latents_std"))
    for name, value in wanted.items():
        if described.get(name, value) != value:
            raise UserError(f"{path}: {name} is {described[name]!r}, and only {value!r} can be read")
    for name, block in _BLOCKS.items():
        if set(described.get(name, [block])) != {block}:
            raise UserError(f"{path}: {name} are {described[name]}, and only {block} can be read")
    return described


def _require(path: Path, found: dict[str, Any], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{path}: {', '.join(missing)} missing")


def _size(described: dict[str, Any]) -> int:
    size = described.get("sample_size", 512)
    return int(size if isinstance(size, int) else size[0])


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


def _with_identities(tensors: dict[str, Tensor], method: AutoencoderKl, described: dict[str, Any]) -> dict[str, Tensor]:
    """Some models do without the two 1 x 1 convolutions around the latents: here these then change nothing."""
    filled = dict(tensors)
    for name, channels in (("quant_conv", 2 * method.latent_channels), ("post_quant_conv", method.latent_channels)):
        if described.get(f"use_{name}", True) is False:
            filled[f"{name}.weight"] = torch.eye(channels)[:, :, None, None]
            filled[f"{name}.bias"] = torch.zeros(channels)
    return filled
