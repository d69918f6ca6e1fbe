"""A person's own photo: decoded with care, its code found, and said how far to trust it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast, get_args

import torch
from torch import Tensor

from imaginable import model as models
from imaginable.apps._codes import Space, space_of
from imaginable.apps._fast_encoder import Cancelled
from imaginable.apps._inverter import Inverter
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.decode import Decoded, Unreadable, decode, dimensions
from imaginable.data.shape import Shape
from imaginable.studio import wire
from imaginable.studio.jobs import Job
from imaginable.studio.runs import Runs
from imaginable.studio.workers import Workers

MOST_BYTES = 20 << 20
MOST_PIXELS = 40_000_000
_TRAINING, _YARDSTICK = 0.6, 0.8
"""where the parts of the work end, as shares of all: training an encoder, trying the model on its own pictures"""
_NEWS = 0.01
"""of all the work: less is not worth a message"""


@dataclass(frozen=True)
class Photo:
    """As the model sees it, (1, c, h, w), and where its code is looked for."""

    x: Tensor
    space: Space | None


def read(runs: Runs, run: str, raw: bytes, space: str | None = None) -> Photo:
    model = runs.get(run).model
    if space not in (None, *get_args(Space)):
        raise UserError(f"space={space}: w or w+ was expected")
    return Photo(images.to_float(taken(raw, model.shape).pixels[None]), space_of(model, cast(Space | None, space)))


def taken(raw: bytes, shape: Shape, what: str = "the photo") -> Decoded:
    """A photo brought to a shape. Its size is looked at before it is decoded. Raises UserError for what is none."""
    try:
        width, height = dimensions(raw)
        if width * height > MOST_PIXELS:
            most = f"at most {MOST_PIXELS // 10**6} million are accepted"
            raise UserError(f"{what} has {width}x{height} pixels; {most}")
        return decode(raw, shape)
    except Unreadable as error:
        raise UserError(f"{what} cannot be used: {error}") from error


async def invert(job: Job, photo: Photo, run: str, runs: Runs, workers: Workers) -> None:
    """Finds the photo's code; says first how well the model finds pictures of its own."""
    loop = asyncio.get_running_loop()

    def tell(fraction: float, line: str) -> None:
        loop.call_soon_threadsafe(lambda: job.tell(fraction=fraction, line=line))

    work = _Work(job, tell)
    try:
        result = await workers.long(work.result, photo, run, runs)
    except Cancelled:
        job.tell(state="cancelled", line="cancelled")
    else:
        job.tell(state="done", fraction=1.0, line=result["verdict"], result=result)


class _Work:
    """What runs in a thread of its own."""

    def __init__(self, job: Job, tell: Any) -> None:
        self._job = job
        self._tell = tell
        self._told = -1.0

    def result(self, photo: Photo, run: str, runs: Runs) -> dict[str, Any]:
        served = runs.get(run)
        model = models.load(served.folder)  # gradients go through it, while the sliders use the other one
        inverter = Inverter.of(
            model,
            served.folder,
            _quietly,
            on_progress=self._step(0.0, _TRAINING, "training an encoder, once for this model"),
            cancelled=self._job.cancelled.is_set,
        )
        start = 0.0 if inverter.encoder is model else _TRAINING
        own = self._step(start, _YARDSTICK, "finding pictures of its own, to compare")
        yardstick = inverter.yardstick(on_step=own, space=photo.space)
        found = inverter.invert(photo.x, space=photo.space, on_step=self._step(_YARDSTICK, 1.0, "finding the photo"))
        error = float(found.error[0])
        shown = torch.cat([photo.x, found.encoded[:1], found.refined[:1]])
        original, encoded, refined = (wire.data_url(array) for array in images.to_uint8(shown))
        label = None if found.label is None or found.label[0] < 0 else model.classes[int(found.label[0])]
        return {
            "run": run,
            "code": found.code[0].flatten().tolist(),
            "label": label,
            "original": original,
            "encoded": encoded,
            "refined": refined,
            "error_before": float(found.error_before[0]),
            "error": error,
            "yardstick": yardstick.refined,
            "verdict": yardstick.verdict(error),
        }

    def _step(self, begin: float, end: float, line: str) -> Any:
        """Tells how far a part of the work is, and ends it where a person wants that."""

        def step(done: int, total: int) -> None:
            if self._job.cancelled.is_set():
                raise Cancelled
            fraction = begin + (end - begin) * done / max(1, total)
            if fraction >= self._told + _NEWS:
                self._told = fraction
                self._tell(fraction, line)

        return step


def _quietly(line: str) -> None:
    """The page is told in shares and lines of its own."""
