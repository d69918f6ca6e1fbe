"""Going back and going on: from a run's own checkpoints, and from another run's model."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch

import imaginable
from imaginable.core import distributed
from imaginable.core.errors import RunFailed, UserError
from imaginable.methods import _storage
from imaginable.methods._method import name_of
from imaginable.training import checkpoint
from imaginable.training.run import Run
from imaginable.training.state import State

LARGEST_ATTEMPT = 3


class RuinedError(Exception):
    """Why a generator is lost, as half a sentence."""


def environment(state: State) -> dict[str, Any]:
    """What bit-exact repetition depends on beside the job."""
    return {
        "imaginable": imaginable.__version__,
        "torch": str(torch.__version__),
        "device": state.device.type,
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "ranks": distributed.ranks(),
        **{f"model of the {name}": one.sha256 for name, one in state.given.items()},
    }


def save_progress(state: State, path: Path) -> None:
    if distributed.rank() == 0:
        checkpoint.save(
            path,
            {"state": state.state_dict(), "seen": state.seen, "environment": environment(state)},
        )


def go_on(state: State, run: Run, inexact: bool) -> list[str]:
    """Restores the last checkpoint; returns what there is to say. A run killed before its first begins anew."""
    notices: list[str] = []
    if not run.checkpoint.exists() and not checkpoint.previous(run.checkpoint).exists():
        begin_from(state)
        return ["no checkpoint yet, beginning again from the first image"]
    saved = checkpoint.load(run.checkpoint, notices.append)
    now = environment(state)
    changed = {key: (was, now[key]) for key, was in saved["environment"].items() if was != now[key]}
    if changed and not inexact:
        listed = ", ".join(f"{key} was {was}, is {now}" for key, (was, now) in changed.items())
        raise UserError(f"{run.folder}: cannot go on bit for bit here ({listed}); add --inexact to go on all the same")
    state.load_state_dict(saved["state"])
    return notices


def begin_from(state: State) -> None:
    """Takes the weights of `job.start_from`'s model, and of its other players where a checkpoint has them."""
    if state.job.start_from is None:
        return
    origin = Run(Path(state.job.start_from))
    model = _storage.load(origin.model if origin.model.exists() else origin.folder, type(state.job.method))
    if type(model.method) is not type(state.job.method):
        raise UserError(
            f"--from {origin.folder}: it was trained by {name_of(model.method)}, not {name_of(state.job.method)}"
        )
    weights = state.networks.state_dict()
    with contextlib.suppress(UserError):  # without a readable checkpoint the other players begin anew
        saved = checkpoint.load(origin.checkpoint, _quietly)["state"]["networks"]
        # what is no player may be missing here: an augmentation, that this run does without
        weights |= {key: value for key, value in saved.items() if key in weights or key.split(".")[0] in state.rules}
    names = state.job.method.averaged
    weights |= {key: value for key, value in model.networks.state_dict().items() if key.split(".")[0] in names}
    try:
        state.networks.load_state_dict(weights)
    except RuntimeError as error:
        described = origin.job if origin.job.exists() else origin.model / "model.yaml"
        raise UserError(
            f"--from {origin.folder}: its networks have another shape; use its fields and --size (see {described})"
        ) from error
    state.averages.networks.load_state_dict(weights)


def roll_back(state: State, run: Run, problem: Exception) -> str:
    """Back to the last checkpoint, or to the last sound one, with other draws at half the rate; says so."""
    where, attempt = state.seen, state.attempt + 1
    if attempt > LARGEST_ATTEMPT:
        raise RunFailed(
            f"{run.folder}: {problem} at image {where:,}, "
            f"{LARGEST_ATTEMPT} attempts at lower rates included; try a smaller --lr or --precision float32"
        )
    path = run.sound if isinstance(problem, RuinedError) else run.checkpoint
    if path.exists():
        state.load_state_dict(checkpoint.load(path, _quietly)["state"])
    else:
        state.load_state_dict(State(state.job, state.spec).state_dict())
        begin_from(state)
    state.attempt = attempt
    return f"{problem} at image {where:,}: back to image {state.seen:,}, attempt {attempt + 1}, half the learning rate"


def _quietly(line: str) -> None:
    """For what need not be said."""
