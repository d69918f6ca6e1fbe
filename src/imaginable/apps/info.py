"""What a run or a model is."""

from __future__ import annotations

from pathlib import Path

from imaginable import model as models
from imaginable.apps._pictures import Say
from imaginable.core import config
from imaginable.core.errors import UserError
from imaginable.methods._method import Decodes, Encodes, Samples, Scores, Styles, Translates
from imaginable.training import health
from imaginable.training import job as jobs
from imaginable.training.run import Run


def info(run: Path, *, say: Say = print) -> None:
    """Says method, data, progress, what it can do, and its size."""
    found = Run(Path(run))
    has_model = any((folder / "model.yaml").exists() for folder in (found.folder, found.model))
    if not found.job.exists() and not has_model:
        raise UserError(f"{run}: no run and no model here")
    if found.job.exists():
        _say_progress(found, say)
    if not has_model:
        say("model: none yet")
        return
    model = models.load(run)
    spec = model.trained.spec
    say(f"method: {model.name} ({model.method.paper})")
    say(f"data: {model.about.get('data')}, {spec.kind} {'x'.join(map(str, spec.shape))}, {spec.count:,} training items")
    if spec.classes:
        say(f"classes: {', '.join(spec.classes)}")
    if spec.factors:
        say(f"factors: {', '.join(spec.factors)}")
    say(f"model: {_parameters(model):,} parameters, {model.about.get('images_seen', 0):,} images seen")
    if model.can(Styles):
        say("codes: {} layers x {} styles (see: imaginable sample --truncation, edit --mix)".format(*model.code_shape))
    verbs = {Decodes: "decode", Samples: "sample", Encodes: "encode, reconstruct" if model.can(Decodes) else "encode"}
    able = [verb for capability, verb in verbs.items() if model.can(capability)]
    able += ["anomalies"] if model.can(Scores) else []
    able += [model.method.task] if isinstance(model.method, Translates) else []
    say(f"can: {', '.join(able)}" + (" (a prior is fitted)" if model.fitted is not None else ""))
    say("fields: " + ", ".join(f"{key}={value}" for key, value in config.to_mapping(model.method).items()))


def _say_progress(run: Run, say: Say) -> None:
    job = jobs.load(run.job)
    lines = run.lines()
    seen = lines[-1]["seen"] if lines else 0
    total = job.training.images
    state = "finished" if seen >= total else f"not finished; go on with: imaginable resume {run.folder}"
    say(f"run: {run.folder}, {seen:,} of {total:,} images, {state}")
    for _, diagnosis in health.history(lines)[-1:]:
        say(f"health: {diagnosis}")


def _parameters(model: models.Model) -> int:
    parts = (model.trained.networks.get_submodule(name) for name in model.method.averaged)
    return sum(parameter.numel() for part in parts for parameter in part.parameters())
