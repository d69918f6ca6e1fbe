"""Everything that moves during training, and one cycle of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from imaginable.core import distributed, fast, seeds
from imaginable.core.types import Batch, DataSpec, Loss, Progress
from imaginable.methods._method import Grows, Phase
from imaginable.nn.freeze import Players
from imaginable.training import given
from imaginable.training.average import Averages
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.norms import Norms

SENSELESS = 1e15
"""a loss beyond this has no meaning left: nats of a large picture under a tiny fixed variance stay far below"""


class BadStepError(Exception):
    """What is wrong with a step, as half a sentence: losses or weights that are no numbers, or one that exploded."""


class State:
    """Networks, averages and optimisers of a run, and how far it has come.

    All of it is in `state_dict`, and all draws of a step are seeded from what is in it: a run that
    goes on from it repeats, bit for bit, what it would have done.
    """

    def __init__(self, job: Job[Any], spec: DataSpec) -> None:
        training = job.training
        self.job = job
        self.spec = spec
        self.device = fast.choose_device(training.device)
        self.precision = fast.choose_precision(training.precision, self.device)
        torch.manual_seed(seeds.derive(training.seed, "weights"))
        self.given = given.load(job)
        for one in self.given.values():
            fast.channels_last(one.trained.networks.to(self.device))
        trained = {name: one.trained for name, one in self.given.items()}
        self.networks: nn.Module = job.method.networks(spec, trained)
        fast.channels_last(self.networks.to(self.device))
        self.phases: tuple[Phase[Any], ...] = job.method.phases()
        self.rules = job.method.optimizers()
        self.players = Players({name: self.networks.get_submodule(name) for name in self.rules})
        # listed once: walking the modules at every step cost a small network a twentieth of it
        self.parameters = {name: list(self.networks.get_submodule(name).parameters()) for name in self.rules}
        self.optimizers = {name: rule.build(self.parameters[name]) for name, rule in self.rules.items()}
        self.averages = Averages(self.networks, job.method.averaged, training.half_life)
        self.seen = self.step = self.attempt = 0
        self.said = ""  # what the last diagnosis came to: it is said again only when that changes
        self.norms = Norms()
        self.games: list[dict[str, Any]] = []  # how the players stood at every snapshot: training/game.py, and `seen`

    def cycle(self, feed: Feed, total: int) -> dict[str, Tensor]:
        """Every active phase once, on fresh data; returns the losses' terms (on the device, not yet read).

        Raises BadStepError, with the state half-changed.
        """
        progress = Progress(self.seen, total, self.step)
        batch, seen = feed.batch(self.seen).to(self.device), self.seen + self.job.training.batch
        active = [(number, p) for number, p in enumerate(self.phases) if p.active(self.step, progress.fraction)]
        drawing = next((p for _, p in active if p.draw), None)
        # in parts, drawing once would keep every part's graph alive: then each phase draws its part anew
        whole = self.job.training.micro_batch is None
        drawn = self._draw(drawing, batch, progress, 0) if drawing and whole else None
        terms: dict[str, Tensor] = {}
        for number, phase in active:
            for turn in range(phase.repeat):
                if turn:
                    batch, seen = feed.batch(seen).to(self.device), seen + self.job.training.batch
                self.players.free_only(phase.player)
                for parameter in self.parameters[phase.player]:
                    parameter.grad = None
                for part_number, part in enumerate(parts := list(self._parts(batch))):
                    if drawing and not whole:
                        drawn = self._draw(drawing, part, progress, part_number)
                        self.players.free_only(phase.player)
                    if drawn is not None:
                        part = replace(part, drawn=drawn if phase is drawing else drawn.detach())
                    self._seed(number, turn, part_number)
                    with fast.autocast(self.device, self.precision):
                        loss: Loss = phase.loss(self.networks, part, progress)
                    if distributed.any_rank(not abs(float(loss.total.detach())) < SENSELESS):
                        raise BadStepError(_wrong(loss.total, phase.player))
                    (loss.total * (phase.gain / len(parts))).backward()
                    for name, value in loss.terms.items():
                        share = value / (len(parts) * phase.repeat)
                        terms[name] = terms[name] + share if name in terms else share
                self._descend(number, phase, progress)
                if phase.after:
                    with torch.no_grad():
                        phase.after(self.networks, batch, progress)
        self.averages.update(seen, seen - self.seen)
        self.seen, self.step = seen, self.step + 1
        return terms

    def _draw(self, phase: Phase[Any], batch: Batch, progress: Progress, part: int) -> Tensor:
        assert phase.draw is not None
        self.players.free_only(phase.player)
        self._seed("draw", 0, part)
        with fast.autocast(self.device, self.precision):
            return phase.draw(self.networks, batch, progress)

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        size = self.job.training.micro_batch or len(batch)
        for start in range(0, len(batch), size):
            yield batch.part(start, start + size)

    def _descend(self, number: int, phase: Phase[Any], progress: Progress) -> None:
        """One optimiser step of the phase's player, on gradients averaged over all processes."""
        rule, optimizer = self.rules[phase.player], self.optimizers[phase.player]
        parameters = self.parameters[phase.player]
        distributed.average_gradients(parameters)
        norm = self._norm(parameters, rule.clip)
        name = f"{number} {phase.player}"
        if not math.isfinite(norm):
            raise BadStepError(f"the gradients of the {phase.player} were no numbers")
        if rule.clip is None and self.norms.explodes(name, norm):
            usual = self.norms.usual(name)
            raise BadStepError(f"the {phase.player} exploded (gradient norm {norm:.2g}, usually {usual:.2g})")
        self.norms.add(name, phase.player, norm)
        # every attempt after a divergence goes at half the rate
        rate = rule.lr * rule.schedule.factor(progress.fraction) * 0.5**self.attempt
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()

    @staticmethod
    def _norm(parameters: list[nn.Parameter], clip: float | None) -> float:
        """Of the gradients together, which are then clipped."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if not gradients:
            return 0.0
        # torch.nn.utils.get_total_norm, without its search for the gradients' devices
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if clip is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        return float(norm)

    def _seed(self, phase: int | str, turn: int, part: int) -> None:
        parts = (self.job.training.seed, self.attempt, self.step, phase, turn, part, distributed.rank())
        if self.device.type == "cpu":
            # torch.manual_seed also looks for every other device: a tenth of a small network's step
            torch.default_generator.manual_seed(seeds.derive(*parts))
        else:
            torch.manual_seed(seeds.derive(*parts))

    @property
    def grown(self) -> float:
        """Images seen when networks that grow take on their last size, 0 for others.

        What they made before is not to be compared with what they make from then on.
        """
        method = self.job.method
        return method.stages(self.spec)[-1] * self.job.training.images if isinstance(method, Grows) else 0.0

    @property
    def comparable(self) -> list[dict[str, Any]]:
        """The games since then; before, the last one alone."""
        return [game for game in self.games if game["seen"] >= self.grown] or self.games[-1:]

    def is_finite(self) -> bool:
        """Whether all weights are numbers: a finite loss may have had a gradient that is not."""
        return all(bool(torch.isfinite(parameter).all()) for parameter in self.networks.parameters())

    def state_dict(self) -> dict[str, Any]:
        return {
            "networks": self.networks.state_dict(),
            "averages": self.averages.networks.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "seen": self.seen,
            "step": self.step,
            "attempt": self.attempt,
            "said": self.said,
            "norms": self.norms.state_dict(),
            "games": list(self.games),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.networks.load_state_dict(state["networks"])
        self.averages.networks.load_state_dict(state["averages"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.seen, self.step, self.attempt = state["seen"], state["step"], state["attempt"]
        self.said = state.get("said", "")
        self.norms.load_state_dict(state.get("norms") or Norms().state_dict())
        self.games = list(state.get("games", ()))


def _wrong(loss: Tensor, player: str) -> str:
    value = float(loss.detach())
    if math.isfinite(value):
        return f"the losses of the {player} were beyond any sense ({value:.2g})"
    return f"the losses of the {player} were no numbers"
