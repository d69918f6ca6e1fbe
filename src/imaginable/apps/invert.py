"""The code of a person's own picture, for any model, and how far to trust it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imaginable import model as models
from imaginable.apps import _pictures, _priors
from imaginable.apps._codes import Space, space_of
from imaginable.apps._design import Design, recipe, recipe_text
from imaginable.apps._fast_encoder import Cancelled
from imaginable.apps._inverter import STARTS, STEPS, Inverted, Inverter, Yardstick
from imaginable.apps._pictures import Pictures, Say
from imaginable.apps.train import stopping_at_sigint
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data import images as pictures_out
from imaginable.model import Model

SHOWN, COLUMNS = 64, 8


def invert(
    run: Path,
    pictures: str,
    *,
    out: Path | None = None,
    steps: int = STEPS,
    starts: int = STARTS,
    fast: bool = False,
    label: str | None = None,
    images: int | None = None,
    space: Space | None = None,
    say: Say = print,
) -> Inverted:
    """Finds the codes of pictures. A model without an encoder gets one first, trained once on pictures it makes (of so
    many `images`) and kept with the run.

    Says how well the model finds pictures of its own, then the error of each picture beside that. Writes codes.npz,
    inverted.png (originals, by the encoder alone, refined) and for each picture NAME.json, a start for `edit`.

    steps: of the refinement; starts: codes it begins at, for each picture; fast: no refinement; label: the
    pictures' class, by default the one that fits best. space: of models whose layers have codes of their own, w+ looks
    for one for each (nearer to the picture, the default), w for one for all (better to edit).
    """
    if steps < 1 or starts < 1:
        raise UserError(f"--steps {steps} --starts {starts}: both must be at least 1 (--fast refines nothing)")
    if images is not None and images < 1:
        raise UserError(f"--images {images}: must be at least 1")
    model = _priors.with_prior(models.load(run), run, say)
    model.code_shape_or_refuse()
    space = space_of(model, space)
    model.labels(label, 1)  # a class it does not know is refused before minutes go into an encoder
    given = _pictures.read(pictures, model, say)
    with stopping_at_sigint() as stopped:
        try:
            inverter = Inverter.of(model, run, say, images=images, cancelled=stopped.is_set)
        except Cancelled:
            say("stopped and saved; the same command goes on")
            raise KeyboardInterrupt from None
    yardstick = inverter.yardstick(steps, starts, space=space)
    say(_described(yardstick, space))
    x, refining = pictures_out.to_float(given.arrays), 0 if fast else steps
    found = inverter.invert(x, label, steps=refining, starts=starts, space=space)
    for name, before, error in zip(given.names, found.error_before.tolist(), found.error.tolist(), strict=True):
        refined = "" if fast else f", refined {error:.6f}"
        own = yardstick.encoded if fast else yardstick.refined
        say(f"{name}: {before:.6f}{refined} (its own {own:.6f}): {yardstick.verdict(error, fast)}")
    out = out or Path(run) / "inverted"
    _write(out, model, given, found, fast)
    say(f"codes, a start for edit of each picture, and inverted.png in {out}")
    return found


def _described(yardstick: Yardstick, space: Space | None) -> str:
    where = {"w": " in W, one code for all layers", "w+": " in W+, a code for each layer", None: ""}[space]
    return (
        f"yardstick{where}: {yardstick.n} pictures of its own are found again with a mean squared error of "
        f"{yardstick.encoded:.6f} by the encoder alone, {yardstick.refined:.6f} refined "
        f"({yardstick.random:.6f} from a random start; the mean picture's is {yardstick.mean:.6f})"
    )


def _write(out: Path, model: Model, given: Pictures, found: Inverted, fast: bool) -> None:
    stems = [str(Path(name).with_suffix("")) for name in given.names]
    codes, labels = found.code.numpy(), _names_of(model, found)
    with files.replacing(out / "codes.npz") as temporary:
        np.savez(
            temporary,
            names=np.array(given.names),
            codes=codes,
            labels=np.array([label or "" for label in labels]),
            errors_encoded=found.error_before.numpy(),
            errors=found.error.numpy(),
        )
    for stem, code, label in zip(stems, codes, labels, strict=True):
        design = Design(seed=None, code=tuple(code.ravel().tolist()), label=label)
        files.write_text(out / f"{stem}.json", recipe_text(recipe(model, design)))
    rebuilt = [pictures_out.to_uint8(x) for x in ([found.refined] if fast else [found.encoded, found.refined])]
    pictures_out.save(out / "inverted.png", _sheet([given.arrays, *rebuilt]), model.origin())


def _names_of(model: Model, found: Inverted) -> list[str | None]:
    if found.label is None:
        return [None] * len(found.code)
    return [model.classes[number] if number >= 0 else None for number in found.label.tolist()]


def _sheet(versions: list[np.ndarray]) -> np.ndarray:
    """Every picture above what was made of it, `COLUMNS` to a row."""
    rows = [
        pictures_out.rows([version[at : at + COLUMNS] for version in versions])
        for at in range(0, min(SHOWN, len(versions[0])), COLUMNS)
    ]
    widest = max(row.shape[1] for row in rows)
    return np.concatenate([_padded(row, widest - row.shape[1]) for row in rows])


def _padded(row: np.ndarray, right: int) -> np.ndarray:
    return np.pad(row, ((0, 4), (0, right), (0, 0)), constant_values=pictures_out.PAPER)
