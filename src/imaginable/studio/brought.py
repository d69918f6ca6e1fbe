"""The addresses of pictures that a person brings to a model that makes pictures of pictures."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from imaginable.studio import making, wire
from imaginable.studio.jobs import Job, Jobs
from imaginable.studio.runs import Runs
from imaginable.studio.shelf import Shelf
from imaginable.studio.workers import Workers

_MOST_LET_GO = 64


class Brought:
    """What lies on the shelf, and how it gets there."""

    def __init__(self, runs: Runs, workers: Workers, jobs: Jobs, uploads: wire.Uploads) -> None:
        self.shelf = Shelf()
        self._runs = runs
        self._workers = workers
        self._jobs = jobs
        self._uploads = uploads

    def routes(self) -> list[Route]:
        return [
            Route("/api/runs/{run}/examples", self._examples, methods=["POST"]),
            Route("/api/runs/{run}/bring", self._bring, methods=["POST"]),
            Route("/api/brought/{id}/make", self._make, methods=["POST"]),
            Route("/api/brought/{id}.png", self._picture, methods=["GET"]),
            Route("/api/forget", self._forget, methods=["POST"]),
        ]

    async def _examples(self, request: Request) -> Response:
        given, run = await wire.asked(request), request.path_params["run"]
        to = given.maybe_text("to")
        found = await self._workers.later(lambda: self._runs.translating(run).examples(to))
        return JSONResponse({"pictures": found})

    async def _bring(self, request: Request) -> Response:
        raw, run = await self._uploads.read(request, making.MOST_BYTES), request.path_params["run"]
        return JSONResponse(await self._workers.later(making.brought, self._runs, self.shelf, run, raw))

    async def _picture(self, request: Request) -> Response:
        return Response(self.shelf.get(request.path_params["id"]).png, media_type="image/png")

    async def _make(self, request: Request) -> Response:
        given, id = await wire.asked(request), request.path_params["id"]
        wish = await self._workers.later(making.Wish.read, self._runs, self.shelf, id, given)

        async def work(job: Job) -> None:
            await making.make(job, wish, self.shelf, self._workers)

        return JSONResponse({"job": self._jobs.start("picture", work)})

    async def _forget(self, request: Request) -> Response:
        given = await wire.asked(request)
        self.shelf.remove(wire.texts(given, "pictures", _MOST_LET_GO))
        return JSONResponse({})
