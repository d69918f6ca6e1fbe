"""A batch in parts is the whole batch, where items do not influence each other; elsewhere it is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imaginable.core.errors import UserError
from imaginable.data.dataset import Dataset
from imaginable.methods._method import find
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.state import State

Build = Callable[..., tuple[State, Feed]]


@pytest.fixture
def build(tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path: Path) -> Build:
    def built(name: str, micro_batch: int | None, **fields: Any) -> tuple[State, Feed]:
        job, dataset = tiny_job(find(name), tmp_path, micro_batch=micro_batch), tiny_dataset("images")
        job = dataclasses.replace(job, method=dataclasses.replace(job.method, **fields))
        job.check()
        return State(job, dataset.spec), Feed(dataset, 8, 0, flip=False)

    return built


@pytest.mark.parametrize("network", ["convolutional", "mlp"])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_parts_have_the_whole_batchs_gradients_and_terms(network: str, size: int, build: Build) -> None:
    results = []
    for micro_batch in (None, size):
        state, feed = build("autoencoder", micro_batch, network=network)
        terms = state.cycle(feed, 64)
        results.append(({key: p.grad for key, p in state.networks.named_parameters()}, terms))
    (whole, whole_terms), (parts, parts_terms) = results
    largest = max(float(gradient.abs().max()) for gradient in whole.values())
    assert largest > 0
    for key, gradient in whole.items():
        # a bias's gradient sums 8,192 numbers in single precision, in another order: 6e-8 · √8192
        assert float((gradient - parts[key]).abs().max()) <= 5.4e-6 * max(1.0, largest), key
    assert whole_terms.keys() == parts_terms.keys()
    for key, value in whole_terms.items():
        assert float(parts_terms[key]) == pytest.approx(float(value), rel=1e-5)


def test_a_solved_variance_sees_every_part(build: Build) -> None:
    """With a decoder that answers 0 whatever the code, its variance does not depend on the draw."""
    variances = []
    for micro_batch in (None, 2):
        state, feed = build("vae", micro_batch)
        with torch.no_grad():
            for parameter in state.networks.autoencoder.decoder.parameters():  # type: ignore[union-attr]
                parameter.zero_()
        state.cycle(feed, 64)
        variances.append(float(state.networks.autoencoder.output.variance))  # type: ignore[union-attr]
    assert variances[0] != 1.0
    assert variances[1] == pytest.approx(variances[0], rel=1e-5)


def test_both_players_of_a_gan_see_the_same_fakes_in_every_part(build: Build) -> None:
    state, feed = build("gan", 4)
    seen: dict[str, list[Tensor]] = {"discriminator": [], "generator": []}

    def noting(phase: Any) -> Any:
        def loss(nets: Any, batch: Any, progress: Any) -> Any:
            seen[phase.player].append(batch.drawn)
            return phase.loss(nets, batch, progress)

        return dataclasses.replace(phase, loss=loss)

    state.phases = tuple(noting(phase) for phase in state.phases)
    state.cycle(feed, 64)
    assert [len(fakes) for fakes in seen["discriminator"]] == [4, 4]
    for judged, made in zip(seen["discriminator"], seen["generator"], strict=True):
        assert torch.equal(judged, made)
        assert made.requires_grad
        assert not judged.requires_grad
    assert not torch.equal(*seen["generator"]), "parts have fakes of their own"


def test_a_method_whose_items_influence_each_other_refuses(build: Build) -> None:
    with pytest.raises(UserError, match="--micro-batch: dcgan lets the items of a batch influence each other"):
        build("dcgan", 4)


def test_parts_that_do_not_divide_the_batch_are_refused(build: Build) -> None:
    with pytest.raises(UserError, match="--micro-batch 3 does not divide the 8 images"):
        build("autoencoder", 3)
