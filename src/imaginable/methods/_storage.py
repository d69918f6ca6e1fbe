"""A model on disk: `model.safetensors` (the averaged networks) and `model.yaml` (what they are).

Loading never runs code from the files: the method is looked up by name among the package's own, or is
the class the caller passes.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from imaginable.core import config, files
from imaginable.core.errors import UserError
from imaginable.core.types import DataSpec
from imaginable.methods import names
from imaginable.methods._method import Method, Trained, find, name_of

FORMAT = 1
"""raised when a change would make old models unreadable; then the reader keeps reading the old ones"""


PRIOR = "prior.safetensors"
"""a prior fitted to the codes of these weights, beside them"""


def save(trained: Trained, folder: Path, about: dict[str, Any]) -> None:
    """Writes the averaged networks. `about`: what a reader may want to know (data, seed, images seen).

    A prior that lies there was fitted to the codes of other weights, and is removed.
    """
    state = {
        f"{name}.{key}": value.detach().to("cpu").contiguous()
        for name in trained.method.averaged
        for key, value in trained.networks.get_submodule(name).state_dict().items()
    }
    described = {
        "format": FORMAT,
        "method": name_of(trained.method),
        "fields": config.to_mapping(trained.method),
        "spec": asdict(trained.spec),
        "about": about,
    }
    (folder / PRIOR).unlink(missing_ok=True)
    with files.replacing(folder / "model.safetensors") as temporary:
        safetensors.torch.save_file(state, temporary)
    files.write_text(folder / "model.yaml", config.dump(described))


def load(folder: Path, method_class: type[Method[Any]] | None = None) -> Trained:
    """Reads a model, in evaluation mode on the CPU.

    `method_class`: for a method outside the package. Raises UserError for a missing, damaged or
    newer model.
    """
    described = _described(folder)
    if described["method"] in names():
        method_class = find(described["method"])
    elif method_class is None:
        raise UserError(
            f"{folder}: made by method {described['method']!r}, which is not in this version of the package\n"
            "(one of your own: in Python, imaginable.load(folder, method=TheClass))"
        )
    where = f"{folder / 'model.yaml'}"
    method = config.from_mapping(method_class, described["fields"], where)
    spec = config.from_mapping(DataSpec, described["spec"], where)
    with torch.random.fork_rng(devices=[]):  # building draws weights; the caller's randomness is not ours
        networks = method.networks(spec, {})
    _fill(networks, method, _tensors(folder / "model.safetensors"), folder)
    return Trained(method, networks.eval().requires_grad_(False), spec)


def about(folder: Path) -> dict[str, Any]:
    """What `save` was told about the model."""
    described: dict[str, Any] = _described(folder)["about"]
    return described


def _described(folder: Path) -> dict[str, Any]:
    described = config.load(folder / "model.yaml")
    keys = {"format", "method", "fields", "spec", "about"}
    if not isinstance(described, dict) or not keys <= set(described):
        raise UserError(f"{folder / 'model.yaml'}: not a model description")
    if described["format"] > FORMAT:
        raise UserError(f"{folder}: model format {described['format']} is newer than this version reads; upgrade")
    return described


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path}: damaged ({error})") from error


def _fill(networks: nn.Module, method: Method[Any], tensors: dict[str, Tensor], folder: Path) -> None:
    for name in method.averaged:
        prefix = f"{name}."
        state = {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
        try:
            networks.get_submodule(name).load_state_dict(state)
        except RuntimeError as error:
            raise UserError(f"{folder}: the weights do not fit {name_of(method)}'s {name}") from error
