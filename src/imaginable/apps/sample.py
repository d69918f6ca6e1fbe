"""New pictures from a model's prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _pictures, _priors
from imaginable.apps._pictures import Say
from imaginable.core import fast, files
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.methods._method import Encodes, Samples
from imaginable.model import Model, Prior


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
    say: Say = print,
) -> Path:
    """Draws n items; returns the folder written.

    grid: also one sheet of all. prior: where codes come from. plain is the method's own prior; fitted is a
    mixture of Gaussians fitted to the codes of the run's training data, which is done first if it was not, and
    kept with the model; auto is the fitted one where there is one. label: the class to draw, of a model that was
    told the classes; without it all classes in turn, one to a row of the sheet. truncation: draw from the normal
    prior cut off at ± so many deviations: 0.7 gives fewer kinds of pictures and mostly better ones. half: decode in
    bfloat16, about twice as quick where the processor multiplies it natively; greys differ by a level or two. Points
    come as samples.npy and a plot.
    """
    if n < 1:
        raise UserError(f"-n {n}: must be at least 1")
    model = models.load(run)
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
    say(f"{n} samples of {model.name} in {out}" + (f", all on {out / 'grid.png'}" if grid else ""))
    if label is None and model.classes:
        say(f"classes in turn, one to a row of the sheet: {', '.join(model.classes[:n])}")
    return out


def _halved(model: Model, say: Say) -> Model:
    cpu = torch.device("cpu")
    if fast.choose_precision("auto", cpu) == torch.float32:
        say("--half: this processor does not multiply bfloat16 itself, so that it is slower with it, not quicker")
    return model.half()


def _named(model: Model, prior: Prior) -> str:
    if model.fitted is None or prior == "plain":
        return "the model's own (--prior fitted for one fitted to the codes of its training data)"
    own = " (--prior plain for the model's own)" if model.can(Samples) else ""
    return _priors.describe(model) + own


def _by_class(arrays: np.ndarray, labels: Tensor) -> list[np.ndarray]:
    return [arrays[(labels == one).numpy()] for one in range(int(labels.max()) + 1)]
