"""How a game between a generator and a discriminator stands, in numbers, which game_health.py judges.

Samples are compared with real items by the metrics of the package, on features that cost nothing: those of random
convolutions (points are their own). Such features see gross faults only: they are for watching, `evaluate` is for
measuring.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist, pdist
from torch import Tensor

from imaginable.core import seeds
from imaginable.core.types import Batch
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Judges, Samples
from imaginable.metrics._share import share_of
from imaginable.metrics.kernel import kernel_distance
from imaginable.metrics.manifold import manifold
from imaginable.metrics.neighbours import close_pair_distance, copies, duplicates, nearest
from imaginable.metrics.score import Array, Score, Undefined
from imaginable.networks.features import RandomFeatures
from imaginable.training.state import State

ITEMS = 256
LEAST_TRAINING = 20
"""shares of fewer say nothing; `evaluate` asks for more"""
MEMORY = 1024
"""training items among which copies are looked for: more are hardly learned by heart"""
_BLOCK = 64


@torch.no_grad()
def measure(state: State, dataset: Dataset) -> dict[str, Any] | None:
    """See `quality` and `grip` for the numbers, and besides

    training, held_out: real items looked at; always the same, as are the latents. norms: of the gradients of each
    player's last step. non_finite: samples and logits that are no numbers; with any, there is nothing else to measure.
    None for methods that do not judge, and where too few items are at hand.

    The quality is that of the averaged generator, which is what is shared. The grip is that of the discriminator on
    the generator it plays against, both as in training: what it says of the averaged one is chance.
    """
    method, nets = state.job.method, state.networks
    if not (isinstance(method, Judges) and isinstance(method, Samples)) or len(dataset.train) < LEAST_TRAINING:
        return None
    memory = _shuffled(dataset.train)[:MEMORY]
    index = {"training": memory[:ITEMS], "held_out": _shuffled(dataset.held_out)[:ITEMS]}
    index = {name: chosen for name, chosen in index.items() if len(chosen)}
    # where a batch has statistics, those of a few held-out items would set them apart: training items fill the block
    filled = {name: np.concatenate([chosen, memory])[: max(len(chosen), _BLOCK)] for name, chosen in index.items()}
    real = {name: dataset.batch(chosen).to(state.device) for name, chosen in filled.items()}
    labels = _labels(state, real["training"])

    state.players.free_only()  # nobody's: batch statistics and the like hold still
    torch.manual_seed(seeds.derive(state.job.training.seed, "game"))
    z = _latents(state, labels).to(state.device)

    def decoded(networks: Any) -> Tensor:
        generator = seeds.generator(state.job.training.seed, "decode", device=state.device.type)
        return _blockwise(lambda z, label: method.decode(networks, z, label, generator), z, labels)

    def judged(x: Tensor, label: Tensor | None) -> Array:
        return np.asarray(_blockwise(lambda x, label: method.judge(nets, x, label), x, label).double().cpu())

    samples, fakes = decoded(state.averages.networks), decoded(nets)
    logits = {name: judged(batch.x, _labels(state, batch))[: len(index[name])] for name, batch in real.items()}
    logits["fake"] = judged(fakes, labels)
    numbers: dict[str, Any] = {name: len(chosen) for name, chosen in index.items()}
    numbers |= {"norms": dict(state.norms.last), "non_finite": 0}
    bad = int((~torch.isfinite(samples.flatten(1)).all(1)).sum()) + sum(
        int((~np.isfinite(of)).sum()) for of in logits.values()
    )
    if bad:
        return _short(numbers | {"non_finite": bad})
    features = _extractor(state)
    known = features(dataset.batch(memory).to(state.device).x)
    held_out = features(real["held_out"].x)[: len(index["held_out"])] if "held_out" in index else None
    return _short(numbers | quality(features(samples), known, held_out) | grip(**logits))


def quality(samples: Array, training: Array, held_out: Array | None = None) -> dict[str, float]:
    """Of features (n, d), (m, d) and (k, d); of training items the first 256, but for copies.

    diversity: mean distance between two samples over that between two real items. coverage: share of real items with
    a sample near (metrics/manifold.py). distance: the kernel distance between samples and real items, over that
    between the mean item, repeated, and real items: 0 is as good as real, 1 as bad as that. duplicates: share of
    samples with another that is nearly the same. copies: share of samples that are nearer to a training item than
    99 % of the held-out ones are; twins, where these are too few for that: see `twins`. `_error`: standard errors.
    Nothing where all real items are the same.
    """
    centre = training.mean(0, dtype=np.float64)
    unit = math.sqrt(float(np.square(training - centre, dtype=np.float64).mean()))
    if not unit > 0:
        return {}
    samples, training = ((items - centre) / unit for items in (samples, training))
    real = training[:ITEMS]
    mean = kernel_distance(np.zeros_like(real), real)
    of_mean = max(mean.value, mean.error)  # pictures of noise may lie no further from their mean than by chance
    distance, found = kernel_distance(samples, real), manifold(real, samples, least=LEAST_TRAINING)
    numbers = {
        "diversity": float(pdist(samples).mean() / pdist(real).mean()),
        "coverage": found.coverage.value,
        "coverage_error": found.coverage.error,
        "distance": distance.value / of_mean,
        "distance_error": distance.error / of_mean,
    }
    numbers |= _if_defined("duplicates", lambda: duplicates(samples, close_pair_distance(real)).rate)
    if held_out is not None:
        apart = nearest(samples, training)[0], nearest((held_out - centre) / unit, training)[0]
        numbers |= _if_defined("copies", lambda: copies(*apart))
    return numbers if "copies" in numbers else numbers | _if_defined("twins", lambda: twins(samples, training))


def twins(samples: Array, training: Array) -> Score:
    """Share of samples (n, d) less than half as far from one training item (m, d) as from every other.

    It needs no held-out items. Of new items hardly any is, but where features are as few as two: there it is a
    quarter, where density is even. What lies between all items, as blurred samples do, is equally far from many; so is
    everything where training items are nearly the same.
    """
    first, second = np.partition(cdist(samples, training), 1, axis=1)[:, :2].T
    return share_of(first < second / 2)


def grip(training: Array, fake: Array, held_out: Array | None = None) -> dict[str, float]:
    """What the discriminator says of items, from its logits (n,) of each kind.

    logit_training, logit_held_out, logit_fake: means. called_...: share above the midpoint between the means of
    training items and fakes, which says the same of a critic, whose zero means nothing. told_apart: share of pairs of
    a training item and a fake in which the former is called more real: 0.5 without any grip, 1 for a full one.
    """
    kinds = {"training": training, "fake": fake} | ({} if held_out is None else {"held_out": held_out})
    midpoint = (training.mean() + fake.mean()) / 2
    numbers = {f"logit_{name}": float(logits.mean()) for name, logits in kinds.items()}
    numbers |= {f"called_{name}": float((logits > midpoint).mean()) for name, logits in kinds.items()}
    wins, ties = training[:, None] > fake, training[:, None] == fake
    return numbers | {"told_apart": float(wins.mean() + ties.mean() / 2)}


def _if_defined(name: str, score: Callable[[], Score]) -> dict[str, float]:
    try:
        value = score()
    except Undefined:  # too few items, or many copies among them
        return {}
    return {name: value.value, f"{name}_error": value.error}


def _extractor(state: State) -> Callable[[Tensor], Array]:
    if state.spec.kind == "points":
        return lambda x: x.flatten(1).double().cpu().numpy()
    network = RandomFeatures(state.spec.shape[0]).to(state.device)
    return lambda x: torch.cat([network(block) for block in x.split(_BLOCK)]).cpu().numpy()


def _labels(state: State, batch: Batch) -> Tensor | None:
    told = state.job.method.labels != "none" and state.spec.classes
    return batch.label if told else None


def _latents(state: State, labels: Tensor | None) -> Tensor:
    """As many as there are labels to make items of."""
    method = state.job.method
    assert isinstance(method, Samples)
    generator = seeds.generator(state.job.training.seed, "game")
    count = ITEMS if labels is None else len(labels)
    return method.prior(state.averages.networks, count, state.spec, generator, labels)


def _blockwise(answer: Callable[[Tensor, Tensor | None], Tensor], x: Tensor, labels: Tensor | None) -> Tensor:
    """Where a batch has statistics, blocks of different sizes would differ in more than their items."""
    count = -(-len(x) // _BLOCK)
    parts = labels.tensor_split(count) if labels is not None else [None] * count
    return torch.cat([answer(block, label) for block, label in zip(x.tensor_split(count), parts, strict=True)])


def _shuffled(items: np.ndarray) -> np.ndarray:
    """In an order that is always the same; items may stand in the order of their classes."""
    return np.asarray(np.random.default_rng(0).permutation(items))


def _short(numbers: dict[str, Any]) -> dict[str, Any]:
    """Four digits are enough for a log."""
    return {
        name: _short(value) if isinstance(value, dict) else float(f"{value:.4g}") if isinstance(value, float) else value
        for name, value in numbers.items()
    }
