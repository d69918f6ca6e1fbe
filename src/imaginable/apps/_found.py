"""Finding directions of a model: without labels, or from what people said of its training pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from imaginable.apps import _pictures
from imaginable.apps._pictures import Say
from imaginable.apps._reading import Known, everything_known, reader_of
from imaginable.core import seeds
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.data.dataset import Dataset
from imaginable.latent import directions, styles, traverse
from imaginable.latent.directions import Direction, Told
from imaginable.latent.styles import Layers
from imaginable.methods._method import Encodes, Styles, Vitals
from imaginable.model import Model
from imaginable.training import job as jobs
from imaginable.training.run import Run

How = Literal["principal", "layer", "factorised", "dimensions", "labels"]
CODES = 2_000
"""that spreads are measured on"""
LABELLED = 5_000
_LAYER_CODES, _SHOWN, _STRENGTH = 1_000, 24, 1.5


def spread(model: Model, run: Path, count: int = CODES) -> Tensor:
    """Codes as they occur, (n, *code shape): of training pictures where there are encoder and run, else drawn."""
    if model.can(Encodes) and Run(run).job.exists():
        dataset = _pictures.training_data(run, "directions")
        batch = dataset.batch(_some(dataset.train, count))
        return model.encode_tensor(batch.x, batch.label if model.classes else None)
    return model.latents(count, seed=seeds.derive("directions"), label=model.in_turn(count))


def found(
    model: Model, run: Path, how: How, count: int = 8, say: Say = print, layers: Layers | None = None
) -> list[Direction]:
    """Directions that nobody has named yet, of a model that Styles in these layers or in all. Raises UserError where
    the model cannot have any of that kind."""
    if how == "labels":
        return from_labels(model, run, say, layers=layers)
    whole = spread(model, run)
    codes = _of_one_layer(model, whole)
    makers: dict[str, Callable[[], tuple[Tensor, list[str]]]] = {
        "principal": lambda: _principal(model, codes, count),
        "layer": lambda: _of_layer(model, codes, count),
        "factorised": lambda: _factorised(model, codes, count, layers),
        "dimensions": lambda: _dimensions(model, run, codes, count),
    }
    vectors, abouts = makers[how]()
    kind: directions.Kind = {"layer": "principal", "dimensions": "dimension"}.get(how, how)  # type: ignore[assignment]
    stem = {"principal": "component", "layer": "layer component", "factorised": "factor"}.get(how, "dimension")
    result = []
    for number, (one, about) in enumerate(zip(vectors, abouts, strict=True), 1):
        vector = _placed(model, one, layers)
        confidence = _consistency(model, vector, whole)
        said = f"{about}; changes {_SHOWN} pictures alike to {confidence:.2f} of 1"
        result.append(Direction(_named(f"{stem} {number}", layers), vector, kind, confidence, "consistency", said))
    return result


def _of_one_layer(model: Model, codes: Tensor) -> Tensor:
    """Of a model that Styles the codes (n, styles) that all layers of an item share; else the codes as they are."""
    return codes[:, 0] if model.can(Styles) else codes


def _placed(model: Model, vector: Tensor, layers: Layers | None) -> Tensor:
    """A vector of one layer as one of all or some layers; another model's as it is."""
    if not model.can(Styles):
        return vector
    return styles.restricted(styles.in_all(vector, model.code_shape[0]), layers)


def _named(name: str, layers: Layers | None) -> str:
    return name if layers is None else f"{name[:40]} of layers {layers[0]}-{layers[1]}"


def _principal(model: Model, codes: Tensor, count: int) -> tuple[Tensor, list[str]]:
    if not model.can(Encodes) and model.is_gaussian:  # all directions of its codes vary alike
        return _of_layer(model, codes, count)
    vectors, shares = directions.principal(codes, count)
    return vectors, [f"{share:.1%} of the codes' variance" for share in shares.tolist()]


def _of_layer(model: Model, codes: Tensor, count: int) -> tuple[Tensor, list[str]]:
    if model.can(Styles):
        raise UserError(f"find layer: codes of {model.name} are those of its layers already; find principal is of them")
    codes = codes[:_LAYER_CODES]
    activations = _activations(model, codes, layer=1)
    vectors, shares = directions.principal_of_layer(activations, codes, count)
    return vectors, [f"{share:.1%} of the second layer's variance" for share in shares.tolist()]


def _factorised(model: Model, codes: Tensor, count: int, layers: Layers | None = None) -> tuple[Tensor, list[str]]:
    if isinstance(model.method, Styles):
        affines = model.method.affines(model.trained.networks)
        first, last = layers or (1, len(affines))
        weight = torch.cat(affines[first - 1 : last]).detach()
        vectors, values = directions.factorised(weight, codes, count)
        return vectors, [f"eigenvalue {value:.3g} of layers {first} to {last}" for value in values.tolist()]
    size = codes[0].numel()
    if size > 4096:
        raise UserError(f"{model.name}: its codes are maps of {size:,} numbers, which no first layer spreads out")
    # the first layer is linear: what it does to every axis is its matrix, however the method stores it
    axes = torch.cat([torch.zeros(1, size), torch.eye(size)]).reshape(-1, *codes.shape[1:])
    answers = _activations(model, axes, layer=0).flatten(1)
    vectors, values = directions.factorised((answers[1:] - answers[0]).T, codes, count)
    return vectors, [f"eigenvalue {value:.3g} of the first layer" for value in values.tolist()]


def _dimensions(model: Model, run: Path, codes: Tensor, count: int) -> tuple[Tensor, list[str]]:
    if model.can(Styles):
        raise UserError(f"find dimensions: single numbers of {model.name}'s codes mean nothing; find principal instead")
    flat = codes.flatten(1)
    strength, unit = _kl(model, run), "nats"
    if strength is None or len(strength) != flat.shape[1]:
        strength, unit = flat.var(0), "of variance"
    axes, order = traverse.dimensions(strength, flat.std(0), count)
    abouts = [f"code number {index}, {float(strength[index]):.2f} {unit}" for index in order.tolist()]
    return axes.reshape(len(axes), *codes.shape[1:]), abouts


@torch.no_grad()
def _kl(model: Model, run: Path) -> Tensor | None:
    """KL of each dimension over training pictures, in nats; None for a model without."""
    if not (model.can(Vitals) and model.can(Encodes) and Run(run).job.exists()):
        return None
    dataset = _pictures.training_data(run, "dimensions")
    batch = dataset.batch(_some(dataset.train, 512))
    with torch.random.fork_rng(devices=[]):
        kl = model.method.vitals(model.trained.networks, batch.x, batch.label).get("kl")  # type: ignore[attr-defined]
    return None if kl is None else kl.float()


def _consistency(model: Model, vector: Tensor, codes: Tensor) -> float:
    shown = codes[torch.linspace(0, len(codes) - 1, _SHOWN).long()]
    labels = model.in_turn(len(shown))
    step = _STRENGTH * vector
    return directions.consistency(model.decode_tensor(shown + step, labels) - model.decode_tensor(shown - step, labels))


def _activations(model: Model, codes: Tensor, layer: int) -> Tensor:
    """What the decoder's layer number `layer`, counted among those with weights as they are used, makes of codes."""
    used: list[nn.Module] = []
    caught: list[Tensor] = []

    def note(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        if module not in used:
            used.append(module)
        if used.index(module) == layer:
            caught.append(output.detach().float())

    weighted = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(note) for m in model.trained.networks.modules() if isinstance(m, weighted)]
    try:
        model.decode_tensor(codes, torch.zeros(len(codes), dtype=torch.int64) if model.classes else None)
    finally:
        for hook in hooks:
            hook.remove()
    if not caught:
        raise UserError(f"{model.name}: its decoder has no layer number {layer + 1} with weights")
    return torch.cat(caught)


# ---- from labels and factors


def from_labels(
    model: Model, run: Path, say: Say = print, only: str | None = None, layers: Layers | None = None
) -> list[Direction]:
    """One for each number, and for each word where there are more than two, that people said of training pictures."""
    dataset = _pictures.training_data(run, "directions from labels")
    known = [one for one in everything_known(dataset) if only in (None, one.name)]
    if not known:
        names = ", ".join(one.name for one in everything_known(dataset)) or "none"
        raise UserError(f"{run}: its data has no label or factor {only or ''} to learn from (it has: {names})")
    codes, told = _told(model, run, dataset, known, say)
    codes = _of_one_layer(model, codes)
    steps = directions.supervised(codes, [Told(torch.from_numpy(one.values), len(one.words)) for one in told])
    result = []
    for one, step in zip(told, steps, strict=True):
        result += _of_words(one, step, codes) if one.words else _of_number(one, step[0], codes)
    return [replace(one, name=_named(one.name, layers), vector=_placed(model, one.vector, layers)) for one in result]


def _told(model: Model, run: Path, dataset: Dataset, known: list[Known], say: Say) -> tuple[Tensor, list[Known]]:
    """Codes and what is said of each: of training pictures, or of made ones by a network that learned to say it."""
    if model.can(Encodes):
        index = _some(dataset.train, LABELLED)
        batch = dataset.batch(index)
        codes = model.encode_tensor(batch.x, batch.label if model.classes else None)
        return codes, [Known(one.name, one.values[index], one.words) for one in known]
    reader = reader_of(jobs.load(Run(run).job).data, dataset, say)
    codes = model.latents(LABELLED, seed=seeds.derive("labelled"), label=model.in_turn(LABELLED))
    say(f"reading the labels of {LABELLED:,} pictures that {model.name} makes")
    said = reader.read(images.to_uint8(model.decode_tensor(codes, model.in_turn(LABELLED))))
    values = {one.name: said[one.name].argmax(1).astype(float) if one.words else said[one.name] for one in known}
    return codes, [Known(one.name, values[one.name], one.words) for one in known]


def _of_number(known: Known, step: Tensor, codes: Tensor) -> list[Direction]:
    try:
        confidence = directions.linear(codes, torch.from_numpy(known.values))
    except ValueError:
        return []
    about = f"R² {confidence:.2f} over {int(known.told.sum()):,} pictures, a fifth left out at a time"
    values = known.values[known.told]
    furthest = float(np.quantile(np.abs(values - values.mean()), 0.95) / values.std())
    return [_taught(known.name, step, furthest, codes, confidence, "R²", about)]


def _of_words(known: Known, steps: Tensor, codes: Tensor) -> list[Direction]:
    result = []
    told = torch.from_numpy(known.told)
    # of two words, one slider says all
    for word, step in list(zip(known.words, steps, strict=True))[0 if len(known.words) > 2 else -1 :]:
        chosen = torch.from_numpy(known.is_word(word))[told]
        try:
            confidence = directions.logistic(codes[told], chosen)
        except ValueError:
            continue  # a word that is said of next to none
        about = f"balanced accuracy {confidence:.2f} over {len(chosen):,} pictures, a fifth left out at a time"
        name = word if known.name == "class" else f"{known.name}: {word}"
        result.append(_taught(name[:60], step, 1.0, codes, confidence, "accuracy", about))
    return result


def _taught(
    name: str, step: Tensor, steps: float, codes: Tensor, confidence: float, measure: directions.Measure, about: str
) -> Direction:
    vector = directions.in_deviations(step, codes)
    reach = steps * float(step.norm() / vector.norm().clamp_min(1e-12))
    return Direction(name, vector, "supervised", confidence, measure, about, named=True, reach=reach)


def _some(index: np.ndarray, count: int) -> np.ndarray:
    """At most so many, spread over all."""
    chosen: np.ndarray = index[np.linspace(0, len(index) - 1, min(count, len(index))).astype(np.int64)]
    return chosen
