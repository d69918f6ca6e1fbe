"""Pictures that a person brings to be judged: how unlike a model's data each is, and where."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imaginable import model as models
from imaginable.apps._alarm_files import enlarged, overlay
from imaginable.apps._detector import RATE, Detector
from imaginable.apps._fast_encoder import Cancelled
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.decode import Decoded
from imaginable.studio import photos, wire
from imaginable.studio.jobs import Job, Jobs, Steps
from imaginable.studio.runs import Opened, Runs
from imaginable.studio.shelf import Shelf
from imaginable.studio.wire import RefusedError
from imaginable.studio.workers import Workers

RATES = (0.001, 0.01, 0.02, RATE, 0.1, 0.2)
"""of false alarms, that a person can choose from"""


@dataclass(frozen=True)
class Ready:
    """A detector of a run. weights: the stamp of those it is for. key: another one for every detector."""

    detector: Detector
    weights: tuple[object, ...]
    key: str

    def about(self) -> dict[str, Any]:
        """What the page is told of it: with the thresholds for all rates, a verdict needs no further request."""
        detector = self.detector
        return {
            "key": self.key,
            "default": detector.default,
            "size": detector.model.shape.size,
            "said": detector.said,
            "known_sizes": sorted(detector.sizes)[:3],
            "scores": [_score(detector, name) for name in detector.names],
        }


def _score(detector: Detector, name: str) -> dict[str, Any]:
    """calibrated: by how many good pictures; least, most: among them. told: of made defects, AUROC and its error.
    where: the score whose heat maps go with it."""
    standard = detector.standards[name]
    n = len(standard.calibration)
    rates = [rate for rate in RATES if (n + 1) * rate >= 1] or [1 / (n + 1)]
    return {
        "name": name,
        "said": standard.said,
        "told": standard.told[0],
        "error": standard.told[1],
        "defects": standard.told[2],
        "where": detector.shown_by(name),
        "calibrated": n,
        "least": standard.calibration[0],
        "most": standard.calibration[-1],
        "thresholds": [{"rate": rate, "value": standard.threshold(rate)} for rate in rates],
    }


class Judging:
    """The addresses of it. Detectors are made once, and kept as long as the weights stay what they were."""

    def __init__(self, runs: Runs, workers: Workers, jobs: Jobs, uploads: wire.Uploads, shelf: Shelf) -> None:
        self._runs = runs
        self._workers = workers
        self._jobs = jobs
        self._uploads = uploads
        self._shelf = shelf
        self._ready: dict[str, Ready] = {}
        self._calibrating: dict[str, str] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/api/runs/{run}/detector", self._detector, methods=["POST"]),
            Route("/api/runs/{run}/judge", self._judge, methods=["POST"]),
        ]

    # ---- detectors

    async def _detector(self, request: Request) -> Response:
        """What is known of it, or the job that finds that out."""
        await wire.asked(request)
        opened = await self._workers.later(self._runs.scoring, request.path_params["run"])
        if ready := self._found(opened):
            return JSONResponse({"detector": ready.about()})
        if opened.id not in self._calibrating:
            self._calibrating[opened.id] = self._jobs.start("calibration", lambda job: self._calibrate(job, opened))
        return JSONResponse({"job": self._calibrating[opened.id]})

    def _found(self, opened: Opened) -> Ready | None:
        ready = self._ready.get(opened.id)
        return ready if ready and ready.weights == opened.stamp.weights else None

    async def _calibrate(self, job: Job, opened: Opened) -> None:
        try:
            detector = await self._workers.long(_calibrated, opened, Steps(job))
        except Cancelled:
            job.tell(state="cancelled", line="cancelled")
        else:
            ready = Ready(detector, opened.stamp.weights, secrets.token_urlsafe(6))
            self._ready[opened.id] = ready
            job.tell(state="done", fraction=1.0, result=ready.about())
        finally:
            del self._calibrating[opened.id]

    # ---- pictures

    async def _judge(self, request: Request) -> Response:
        raw = await self._uploads.read(request, photos.MOST_BYTES)
        opened = await self._workers.later(self._runs.scoring, request.path_params["run"])
        ready = self._found(opened)
        if ready is None:
            raise RefusedError(409, f"run {opened.id}: its thresholds are not set, or its model is another since")
        decoded = await self._workers.later(photos.taken, raw, opened.model.shape, "the picture")
        return JSONResponse(await self._workers.in_turn(self._judged, ready, opened.id, decoded))

    def _judged(self, ready: Ready, run: str, decoded: Decoded) -> dict[str, Any]:
        """All scores, with the chance of a good picture to score as high, and where its pictures lie on the shelf."""
        detector = ready.detector
        seen = detector.look(images.to_float(decoded.pixels[None]), detector.names)
        scores = {name: float(one.score[0].double()) for name, one in seen.items()}
        if not all(map(math.isfinite, scores.values())):
            raise UserError("this picture scores what is no number")
        heats = {name: detector.heat(name, seen[name]) for name in {detector.shown_by(name) for name in scores}}
        return {
            "key": ready.key,
            "scores": {
                name: {"score": score, "p": detector.standards[name].p_value(score)} for name, score in scores.items()
            },
            "picture": self._shelf.put(run, _quick(enlarged(decoded.pixels))),
            "heats": {
                name: self._shelf.put(run, _quick(overlay(decoded.pixels, heat[0].numpy())))
                for name, heat in heats.items()
                if heat is not None
            },
            "unlike": bool(detector.unlike({(decoded.width, decoded.height): 1})),
        }


def _calibrated(opened: Opened, steps: Steps) -> Detector:
    line = ""

    def say(what: str) -> None:
        nonlocal line
        line = what
        steps(0.0, line)

    steps(0.0)
    # a model of its own: a search for codes sends gradients through it, while the sliders use the other one
    model = models.load(opened.folder)
    return Detector.of(model, opened.folder, say, lambda done, total: steps(done / max(1, total), line))


def _quick(pixels: Any) -> bytes:
    return images.png(pixels, None, effort=1)
