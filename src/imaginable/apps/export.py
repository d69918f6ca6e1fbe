"""A model in the form that other programs open."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from imaginable import model as models
from imaginable.apps import _diffusers
from imaginable.apps._pictures import Say
from imaginable.core.errors import UserError
from imaginable.methods.autoencoder_kl import AutoencoderKl


def export(run: Path, *, to: Literal["diffusers"], out: Path | None = None, say: Say = print) -> None:
    """Writes a folder (by default RUN/diffusers) that diffusers.AutoencoderKL.from_pretrained opens, from a run of
    autoencoder_kl."""
    model = models.load(run)
    if not isinstance(model.method, AutoencoderKl):
        raise UserError(f"--to {to}: takes models of autoencoder_kl, and {run} was made by {model.name}")
    out = out or Path(run) / to
    described = _diffusers.write(model.trained, out)
    shift, scale = described.shift_factor or 0.0, described.scaling_factor
    say(f"{out}: open it with diffusers.AutoencoderKL.from_pretrained({str(out)!r})")
    say(f"latents of variance 1 are (z {-shift:+.5g}) * {scale:.5g} there: shift_factor, scaling_factor of {out.name}")
