"""New pictures from a model's prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _layers, _pictures, _priors
from imaginable.apps._pictures import Say
from imaginable.core import fast, files
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.latent.styles import Layers, mixed
from imaginable.methods._method import Encodes, Samples
from imaginable.model import Model, Prior

_MIXED = 6
"""samples on each side of a sheet of mixed ones"""


def sample(
    run: Path,
    *,
    n: int = 64,
    out: Path | None = None,
    seed: int = 0,
    grid: bool = True,
    prior: Prior = "auto",
    label: str | None = None,
    truncation: float | None = None,
    half: bool = False,
    mixing_sheet: str | None = None,
    say: Say = print,
) -> Path:
    """Draws n items; returns the folder written.

    grid: also one sheet of all. prior: where codes come from. plain is the method's own prior; fitted is a
    mixture of Gaussians fitted to the codes of the run's training data, which is done first if it was not, and
    kept with the model; auto is the fitted one where there is one. label: the class to draw, of a model that was
    told the classes; without it all classes in turn, one to a row of the sheet. truncation: draw from the normal
    prior cut off at ± so many deviations, or bring styles to so much of their distance from the average: 0.7 gives
    fewer kinds of pictures and mostly better ones. half: decode in bfloat16, about twice as quick where the processor
    multiplies it natively; greys differ by a level or two. mixing_sheet: layers, such as 5-10, of models whose layers
    have codes of their own: also mixing.png, some samples in rows, which take these layers of others in columns. Points
    come as samples.npy and a plot.
    """
    if n < 1:
        raise UserError(f"-n {n}: must be at least 1")
    model = models.load(run)
    layers = None if mixing_sheet is None else _layers.parse(mixing_sheet, f"--mixing-sheet {mixing_sheet}")
    _layers.checked(model, layers, f"--mixing-sheet {mixing_sheet}")
    if prior == "fitted" and model.fitted is None:
        model = _priors.fit(model, _pictures.training_data(run, "--prior fitted"), say)
    if half:
        model = _halved(model, say)
    labels = model.in_turn(n) if label is None else model.labels(label, n)
    z = model.latents(n, seed, prior, labels, truncation)
    if model.can(Encodes):
        say(f"prior: {_named(model, 'plain' if truncation else prior)}")
    out = out or Path(run) / "sampled"
    origin = model.origin(seed)
    if model.trained.spec.kind == "points":
        points = model.decode_tensor(z, labels).numpy()
        with files.replacing(out / "samples.npy") as temporary:
            np.save(temporary, points)
        images.save(out / "samples.png", images.scatter(points, 1.2 * float(np.abs(points).max())), origin)
    else:
        arrays = model.decode_array(z, labels)
        _pictures.save_all(arrays, [f"seed{seed}-{number:05d}" for number in range(n)], out, origin)
        if grid:
            page = images.sheet(arrays) if labels is None or label else images.rows(_by_class(arrays, labels))
            images.save(out / "grid.png", page, origin)
        if layers is not None:
            images.save(out / "mixing.png", _mixing(model, z, layers), origin)
            say(f"samples in rows with layers {mixing_sheet} of others, in columns: {out / 'mixing.png'}")
    say(f"{n} samples of {model.name} in {out}" + (f", all on {out / 'grid.png'}" if grid else ""))
    if label is None and model.classes:
        say(f"classes in turn, one to a row of the sheet: {', '.join(model.classes[:n])}")
    return out


def _halved(model: Model, say: Say) -> Model:
    cpu = torch.device("cpu")
    if fast.choose_precision("auto", cpu) == torch.float32:
        say("--half: this processor does not multiply bfloat16 itself, so that it is slower with it, not quicker")
    return model.half()


def _mixing(model: Model, z: Tensor, layers: Layers) -> np.ndarray:
    """The first samples below each other, the next ones beside each other, and where they meet those of the rows with
    the columns' codes in these layers (Karras et al. 2019, arXiv:1812.04948, figure 3)."""
    count = min(_MIXED, max(1, len(z) // 2))
    rows, columns = z[:count], z[-count:]
    met = model.decode_array(mixed(rows[:, None], columns[None], layers).flatten(0, 1))
    below, beside = model.decode_array(rows), model.decode_array(columns)
    corner = np.full_like(below[:1], images.PAPER)
    lines = [np.stack([own, *met[at * count : (at + 1) * count]]) for at, own in enumerate(below)]
    return images.sheet(np.concatenate([corner, beside, *lines]), count + 1)


def _named(model: Model, prior: Prior) -> str:
    if model.fitted is None or prior == "plain":
        return "the model's own (--prior fitted for one fitted to the codes of its training data)"
    own = " (--prior plain for the model's own)" if model.can(Samples) else ""
    return _priors.describe(model) + own


def _by_class(arrays: np.ndarray, labels: Tensor) -> list[np.ndarray]:
    return [arrays[(labels == one).numpy()] for one in range(int(labels.max()) + 1)]
