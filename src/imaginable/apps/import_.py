"""A model of another program as a run, which all verbs open. (The verb is `import`, which Python keeps for itself.)"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imaginable.apps import _diffusers, _official
from imaginable.apps._official import Imported
from imaginable.apps._pictures import Say
from imaginable.core import config
from imaginable.core.errors import UserError
from imaginable.methods import _storage
from imaginable.methods._method import Trained, name_of
from imaginable.training import checkpoint
from imaginable.training.run import Run


def import_(path: Path, *, run: str, size: int | None = None, say: Say = print) -> None:
    """Reads a model of another program into runs/RUN: the folder of a diffusers AutoencoderKL (safetensors only), or a
    .pkl of StyleGAN2-ADA-PyTorch or StyleGAN3, of which nothing is run, only read. --size: pixels on a side of the
    pictures it is to take, where not those of the folder's config.json; a .pkl has its own."""
    found = Run(Path("runs") / run if Path(run).name == run else Path(run))
    found.refuse_existing()
    if path.suffix.lower() == ".pkl" and not path.is_dir():
        if size is not None:
            raise UserError(f"--size {size}: a .pkl makes pictures of the size it was trained at; leave it out")
        imported = _official.read(path)
        _save(imported.trained, found, path)
        if not imported.unjudged:
            _keep_discriminator(imported.trained, found)
        for line in _told(imported, found, path):
            say(line)
        return
    trained = _diffusers.read(path, size)
    _save(trained, found, path)
    say(f"{found.folder}: a model for pictures of {trained.spec.shape[-1]} pixels")
    say(f"  then   imaginable reconstruct {found.folder} IMAGES --out DIR")


def _save(trained: Trained, run: Run, path: Path) -> None:
    about = {
        "run": run.folder.name,
        "data": f"unknown (imported from {path.resolve().name})",
        "images_seen": 0,
        "note": "Pictures made by this model are synthetic.",
    }
    _storage.save(trained, run.model, about)


def _keep_discriminator(trained: Trained, run: Run) -> None:
    """Where `train --from` looks for the players that a model has not; with no job beside it, nothing to go on with."""
    networks = {
        name: value for name, value in trained.networks.state_dict().items() if name.startswith("discriminator.")
    }
    checkpoint.save(run.checkpoint, {"state": {"networks": networks}, "seen": 0, "environment": {}})


def _told(imported: Imported, run: Run, path: Path) -> Iterator[str]:
    trained, spec = imported.trained, imported.trained.spec
    millions = sum(weight.numel() for weight in trained.networks.get_submodule("generator").parameters()) / 1e6
    classes = f", conditional on {len(spec.classes)} classes" if spec.classes else ""
    yield f"{path.name}: {name_of(trained.method)}, {spec.shape[-1]} pixels{classes}, {millions:.1f} million parameters"
    yield f"{run.folder}: a model that all verbs open; what its weights may be used for is for their owners to say"
    yield f"  then   imaginable sample {run.folder} -n 16 --out DIR"
    yield f"  or     imaginable studio {run.folder}"
    usual = config.to_mapping(type(trained.method)())
    chosen = {field: value for field, value in config.to_mapping(trained.method).items() if value != usual[field]}
    flags = "".join(f" --{field} {value}" for field, value in chosen.items()) + (
        "" if spec.classes else " --unlabelled"
    )
    yield f"  or     imaginable train {name_of(trained.method)} DATA --from {run.folder} --size {spec.shape[-1]}{flags}"
    if imported.unjudged:
        yield f"  (there training begins with a new discriminator: the file's {imported.unjudged})"
