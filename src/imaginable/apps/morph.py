"""A smooth way through pictures: GIF, MP4 or a PNG strip."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from imaginable import model as models
from imaginable.apps import _priors
from imaginable.apps._operands import code
from imaginable.apps._pictures import Say
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data import images

STRIP = 8
"""pictures of a PNG strip"""


def morph(
    run: Path,
    stops: Sequence[str] = (),
    *,
    out: Path | None = None,
    frames: int = 60,
    seconds: float = 4.0,
    say: Say = print,
) -> Path:
    """Through the stops (pictures, seeds or label:NAME; by default four seeds) and, when animated, back.

    out: .gif, .mp4 (needs ffmpeg) or .png. Great circles for models with a Gaussian prior, else straight.
    """
    out = out or Path(run) / "morph.gif"
    if out.suffix not in (".gif", ".mp4", ".png"):
        raise UserError(f"--out {out}: the ending says the format, .gif, .mp4 or .png")
    if frames < 2 or not seconds > 0:
        raise UserError(f"--frames {frames} --seconds {seconds}: at least 2 frames and more than 0 seconds")
    model = _priors.with_prior(models.load(run), run, say)
    if model.trained.spec.kind == "points":
        raise UserError(f"{model.name} was trained on points: there is no picture to morph")
    words = list(stops) or ["0", "1", "2", "3"]
    if len(words) < 2:
        raise UserError("a morph needs at least two stops: pictures, seeds (whole numbers) or label:NAME")
    points = torch.stack([code(word, run, model, say) for word in words])
    still = out.suffix == ".png"
    z = model.path(points, _strip_length(len(words)) if still else frames, closed=not still)
    arrays, origin = model.decode_array(z), model.origin()
    if still:
        images.save(out, images.sheet(arrays, columns=len(arrays)), origin)
    elif out.suffix == ".gif":
        images.save_gif(out, list(_enlarged(arrays)), origin, seconds)
    else:
        _save_mp4(out, _enlarged(arrays), origin, seconds)
    say(f"{len(arrays)} pictures from {' to '.join(words)} in {out}")
    return out


def _strip_length(stops: int) -> int:
    """As many that every stop is one of them."""
    between = max(1, round((STRIP - 1) / (stops - 1)))
    return between * (stops - 1) + 1


def _enlarged(arrays: np.ndarray) -> np.ndarray:
    """Small pictures at least 128 pixels wide, in whole steps, so that a player shows something."""
    factor = max(1, 128 // arrays.shape[1])
    return arrays.repeat(factor, axis=1).repeat(factor, axis=2)


def _save_mp4(out: Path, arrays: np.ndarray, origin: str, seconds: float) -> None:
    encoder = shutil.which("ffmpeg")
    if encoder is None:
        raise UserError(f"--out {out}: MP4 needs the program ffmpeg, which is not here; install it or write a .gif")
    height, width = arrays.shape[1:3]
    frames = np.broadcast_to(arrays, (*arrays.shape[:3], 3)) if arrays.shape[3] == 1 else arrays
    with files.replacing(out) as temporary:
        command = [encoder, "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{width}x{height}", "-r", f"{len(frames) / seconds:.4f}", "-i", "-"]
        command += ["-pix_fmt", "yuv420p", "-metadata", f"comment={images.synthetic(origin)}", str(temporary)]
        done = subprocess.run(command, input=np.ascontiguousarray(frames).tobytes(), capture_output=True, check=False)
        if done.returncode:
            raise UserError(f"{out}: ffmpeg could not write it ({done.stderr.decode(errors='replace').strip()[:200]})")
