"""A model of another program as a run, which all verbs open. (The verb is `import`, which Python keeps for itself.)"""

from __future__ import annotations

from pathlib import Path

from imaginable.apps import _diffusers
from imaginable.apps._pictures import Say
from imaginable.methods import _storage
from imaginable.training.run import Run


def import_(path: Path, *, run: str, size: int | None = None, say: Say = print) -> None:
    """Reads the folder of a diffusers AutoencoderKL (safetensors only) into runs/RUN. --size: pixels on a side of the
    pictures it is to take, where not those of the folder's config.json."""
    found = Run(Path("runs") / run if Path(run).name == run else Path(run))
    found.refuse_existing()
    trained = _diffusers.read(path, size)
    about = {
        "run": found.folder.name,
        "data": f"unknown (imported from {path.resolve().name})",
        "images_seen": 0,
        "note": "Pictures made by this model are synthetic.",
    }
    _storage.save(trained, found.model, about)
    say(f"{found.folder}: a model for pictures of {trained.spec.shape[-1]} pixels")
    say(f"  then   imaginable reconstruct {found.folder} IMAGES --out DIR")
