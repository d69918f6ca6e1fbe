"""Sums of codes: a high-top - a low-top + a runner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from imaginable import model as models
from imaginable.apps import _priors
from imaginable.apps._operands import code
from imaginable.apps._pictures import Say
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.latent.arithmetic import combine


def arithmetic(run: Path, expression: Sequence[str], *, out: Path | None = None, say: Say = print) -> Path:
    """Operands with + or - between them, each a picture, a folder, a seed or label:NAME.

    Writes a sheet: the operands as the model sees them, then the result.
    """
    words, signs = parse(expression)
    model = _priors.with_prior(models.load(run), run, say)
    if model.trained.spec.kind == "points":
        raise UserError(f"{model.name} was trained on points: there is no picture to show")
    codes = [code(word, run, model, say) for word in words]
    result = combine(codes, signs)
    shown = model.decode_array(torch.stack([*codes, result]))
    out = out or Path(run) / "arithmetic.png"
    # the result stands apart from what it was made of
    margin = np.full_like(shown[:1], images.PAPER)[:, :, : max(4, shown.shape[2] // 8)]
    sheet = np.concatenate([images.sheet(shown[:-1], len(codes)), _framed(margin), images.sheet(shown[-1:])], axis=1)
    images.save(out, sheet, model.origin())
    say(f"{' '.join(expression)} in {out}: the operands, then the result")
    return out


def _framed(margin: np.ndarray) -> np.ndarray:
    return images.sheet(margin)


def parse(expression: Sequence[str]) -> tuple[list[str], list[int]]:
    """`A - B + C` as (["A", "B", "C"], [1, -1, 1]). Raises UserError when it is none."""
    example = "for example: imaginable arithmetic RUN A - B + C"
    words, signs = list(expression[0::2]), [1]
    for operator in expression[1::2]:
        if operator not in ("+", "-"):
            raise UserError(f"{operator}: + or - was expected here, with spaces around it ({example})")
        signs.append(1 if operator == "+" else -1)
    if len(words) < 2 or len(words) != len(signs):
        raise UserError(f"an expression of at least two operands was expected, {example}")
    return words, signs
