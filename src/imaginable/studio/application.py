"""The addresses of the studio. Each handler reads its request, lets a worker do it, and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

import imaginable
from imaginable import methods
from imaginable.apps._json import Reader
from imaginable.core.errors import UserError
from imaginable.studio import photos, pictures, sliders, trainings, wire
from imaginable.studio.brought import Brought
from imaginable.studio.connection import Hub
from imaginable.studio.guard import Door, Guard
from imaginable.studio.jobs import Job, Jobs
from imaginable.studio.judging import Judging
from imaginable.studio.runs import Runs
from imaginable.studio.snapshots import Snapshots
from imaginable.studio.trainings import Training
from imaginable.studio.wire import RefusedError, Wanted
from imaginable.studio.workers import Workers

STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
_SECONDS_TO_SAVE = 10.0
Handler = Callable[[Request], Awaitable[Response]]


class Studio:
    """All that a server has."""

    def __init__(
        self, runs: Runs, door: Door, data: Sequence[Path] = (), static: Path = STATIC, patience: float = 20.0
    ) -> None:
        self.runs = runs
        self.door = door
        self.data = data
        self.static = static
        self.workers = Workers()
        self.snapshots = Snapshots(runs)
        self.hub = Hub(self.workers, self._paint, patience)
        self.jobs = Jobs(self.hub)
        self.uploads = wire.Uploads()
        self.brought = Brought(runs, self.workers, self.jobs, self.uploads)
        self.judging = Judging(runs, self.workers, self.jobs, self.uploads, self.brought.shelf)

    def _paint(self, wanted: Wanted) -> Any:
        return self.runs.get(wanted.run).picture(wanted.design)

    def application(self) -> ASGIApp:
        return Guard(
            Starlette(routes=self._routes(), exception_handlers=_ERRORS, lifespan=self._lifespan),
            self.door,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        yield
        await self.jobs.close(_SECONDS_TO_SAVE)
        self.workers.close()

    def _routes(self) -> list[Route | WebSocketRoute]:
        def get(path: str, handler: Handler) -> Route:
            return Route(path, handler, methods=["GET"])

        def post(path: str, handler: Handler) -> Route:
            return Route(path, handler, methods=["POST"])

        return [
            get("/", self._page),
            get("/static/{name:path}", self._file),
            WebSocketRoute("/ws", self._socket),
            get("/api/state", self._state),
            post("/api/runs/{run}/find", self._told(sliders.find, changes=True)),
            post("/api/runs/{run}/teach", self._told(sliders.teach, changes=True)),
            post("/api/runs/{run}/directions/rename", self._told(sliders.rename, changes=True)),
            post("/api/runs/{run}/directions/remove", self._told(sliders.remove, changes=True)),
            post("/api/runs/{run}/sheet", self._told(pictures.sheet)),
            post("/api/runs/{run}/fold", self._told(lambda runs, _, given: pictures.fold(runs, given))),
            post("/api/runs/{run}/nearest", self._told(lambda runs, _, given: pictures.nearest(runs, given))),
            post("/api/runs/{run}/picture", self._picture),
            post("/api/runs/{run}/recipe", self._recipe),
            post("/api/runs/{run}/morph", self._morph),
            get("/api/runs/{run}/directions/{name}.json", self._direction),
            post("/api/recipe", self._opened),
            post("/api/snapshots", self._keep),
            post("/api/snapshots/{id}/remove", self._forget),
            get("/api/snapshots/{id}.png", self._thumbnail),
            post("/api/runs/{run}/photo", self._photo),
            *self.brought.routes(),
            *self.judging.routes(),
            post("/api/train", self._train),
            post("/api/jobs/{job}/cancel", self._cancel),
        ]

    # ---- the page

    async def _page(self, request: Request) -> Response:
        return self._content("index.html")

    async def _file(self, request: Request) -> Response:
        return self._content(request.path_params["name"])

    def _content(self, name: str) -> Response:
        """Only names that listing the folder gave: a path is never made of what was asked."""
        listed = {path.name: path for path in self.static.iterdir() if path.is_file() and not path.is_symlink()}
        path = listed.get(name)
        if path is None or path.suffix not in _TYPES:
            raise RefusedError(404, "there is nothing of that name")
        return Response(path.read_bytes(), media_type=_TYPES[path.suffix])

    async def _socket(self, socket: WebSocket) -> None:
        await self.hub.join(socket, self.jobs.news())

    async def _state(self, request: Request) -> Response:
        return JSONResponse(await self.workers.later(self._described))

    def _described(self) -> dict[str, Any]:
        return {
            "version": imaginable.__version__,
            "runs": self.runs.about(),
            "snapshots": self.snapshots.listed(),
            "data": list(trainings.offered(self.data)),
            "methods": [{"name": name, "about": methods.summary(name)} for name in trainings.trainable()],
            "token": self.door.token is not None,
        }

    # ---- designs

    def _told(self, function: Callable[[Runs, str, Reader], dict[str, Any]], changes: bool = False) -> Handler:
        """What a function of runs says. changes: the other pages shall look again."""

        async def handler(request: Request) -> Response:
            given = await wire.asked(request)
            answer = await self.workers.later(function, self.runs, request.path_params["run"], given)
            if changes:
                self._look_again()
            return JSONResponse(answer)

        return handler

    def _look_again(self) -> None:
        self.hub.tell("runs", {"type": "runs"})

    async def _picture(self, request: Request) -> Response:
        png = await self.workers.later(pictures.picture, self.runs, await wire.asked(request))
        return _download(png, "image/png", "design.png")

    async def _recipe(self, request: Request) -> Response:
        content = await self.workers.later(pictures.recipe, self.runs, await wire.asked(request))
        return _download(content, "application/json", "design.json")

    async def _morph(self, request: Request) -> Response:
        content, ending = await self.workers.later(pictures.morph, self.runs, await wire.asked(request))
        return _download(content, f"image/{ending}", f"morph.{ending}")

    async def _direction(self, request: Request) -> Response:
        given = request.path_params
        content = await self.workers.later(pictures.direction, self.runs, given["run"], given["name"])
        return _download(content, "application/json", "direction.json")

    async def _opened(self, request: Request) -> Response:
        raw = await wire.body(request, wire.MOST_JSON)
        return JSONResponse(await self.workers.later(pictures.opened, self.runs, raw))

    # ---- snapshots

    async def _keep(self, request: Request) -> Response:
        given = await wire.asked(request)
        name, wanted = wire.name(given, "name"), given.part("design")
        kept = await self.workers.later(lambda: self.snapshots.keep(name, Wanted.read(wanted)))
        self._look_again()
        return JSONResponse(kept)

    async def _forget(self, request: Request) -> Response:
        await wire.asked(request)
        await self.workers.later(self.snapshots.remove, request.path_params["id"])
        self._look_again()
        return JSONResponse({})

    async def _thumbnail(self, request: Request) -> Response:
        png = await self.workers.later(self.snapshots.picture, request.path_params["id"])
        return Response(png, media_type="image/png")

    # ---- long work

    async def _photo(self, request: Request) -> Response:
        run, space = request.path_params["run"], request.query_params.get("space")
        raw = await self.uploads.read(request, photos.MOST_BYTES)
        photo = await self.workers.later(photos.read, self.runs, run, raw, space)

        async def work(job: Job) -> None:
            await photos.invert(job, photo, run, self.runs, self.workers)

        return JSONResponse({"job": self.jobs.start("photo", work)})

    async def _train(self, request: Request) -> Response:
        given = await wire.asked(request)
        asked = await self.workers.later(lambda: Training.read(given, trainings.offered(self.data)))

        async def work(job: Job) -> None:
            await trainings.train(job, asked, self.workers, self.runs)
            self._look_again()

        return JSONResponse({"job": self.jobs.start("train", work)})

    async def _cancel(self, request: Request) -> Response:
        await wire.asked(request)
        self.jobs.cancel(request.path_params["job"])
        return JSONResponse({})


def _download(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


# ---- errors, each one line for a person


async def _of_user(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": str(error)}, error.status, headers={"connection": "close"})


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": str(error.detail)}, error.status_code)


async def _unexpected(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "this failed unexpectedly; the terminal says more"}, 500)


_ERRORS: dict[Any, Any] = {
    UserError: _of_user,
    RefusedError: _refused,
    HTTPException: _of_http,
    Exception: _unexpected,
}
