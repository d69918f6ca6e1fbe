"""Two stages: the first is kept while the second goes on from it; both enlarge pictures of any shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import imaginable as im
from imaginable.core.errors import UserError
from imaginable.core.types import Batch, DataSpec, Progress
from imaginable.data.dataset import Dataset
from imaginable.methods._method import Translates
from imaginable.methods.srgan import Srgan, SrganNetworks
from imaginable.nn.degrade import cropped, larger, rounded, smaller
from imaginable.objectives.perceptual import perceptual_distance
from imaginable.training.feed import Feed
from imaginable.training.job import Job
from imaginable.training.state import State
from imaginable.training.train import train

TINY = Srgan(vary=False, width=8, blocks=1, judge_width=4, feature_width=4, pixel_share=0.6, lr=2e-3)
SPEC = DataSpec("images", (3, 32, 32), count=40)


def networks(method: Srgan = TINY) -> SrganNetworks:
    torch.manual_seed(0)
    return method.networks(SPEC, {})


def pictures(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module")
def trained(
    tiny_dataset: Callable[[str], Dataset], tiny_job: Callable[..., Job[Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Job[Any], list[dict[str, Tensor]]]:
    """A finished run, and its model before, at the end of the first stage and at the end."""
    job = replace(tiny_job(Srgan, tmp_path_factory.mktemp("srgan") / "run", images=960), method=TINY)
    state, found = State(job, SPEC), []
    feed = Feed(tiny_dataset("images"), 8, 0, flip=False)
    found.append(weights(state))
    while state.seen < 960:
        if state.seen == 0.6 * 960:
            found.append(weights(state))
        state.cycle(feed, 960)
    found.append(weights(state))
    list(train(job, dataset=tiny_dataset("images")))
    return job, found


def weights(state: State) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.networks.get_submodule("generator").state_dict().items()}


def stage(weights: dict[str, Tensor], name: str) -> list[Tensor]:
    return [value for key, value in weights.items() if key.startswith(f"{name}.")]


def equal(one: list[Tensor], two: list[Tensor]) -> bool:
    return all(torch.equal(first, second) for first, second in zip(one, two, strict=True))


def test_the_second_stage_goes_on_from_the_first_which_is_kept(
    trained: tuple[Job[Any], list[dict[str, Tensor]]],
) -> None:
    begun, switched, done = trained[1]
    for moment in (begun, switched):
        assert equal(stage(moment, "pixel"), stage(moment, "sharp"))
    assert not equal(stage(begun, "pixel"), stage(switched, "pixel"))
    assert equal(stage(switched, "pixel"), stage(done, "pixel")), "kept"
    assert not equal(stage(switched, "sharp"), stage(done, "sharp"))


def test_a_saved_model_enlarges_by_either_stage(
    trained: tuple[Job[Any], list[dict[str, Tensor]]], tiny_dataset: Callable[[str], Dataset]
) -> None:
    model, dataset = im.load(trained[0].folder), tiny_dataset("images")
    method, nets = model.method, model.trained.networks
    assert isinstance(method, Translates)
    assert isinstance(method, Srgan)
    x = dataset.batch(dataset.held_out).x
    low = rounded(smaller(x, 4))
    made = {to: method.translate(nets, low, to=to) for to in (None, "sharp", "pixel")}
    assert torch.equal(made[None], made["sharp"])
    assert not torch.equal(made["sharp"], made["pixel"])
    assert float((made["pixel"] - x).square().mean()) < 0.9 * float((larger(low, 4) - x).square().mean())
    with pytest.raises(UserError, match="'sharp' or to 'pixel'"):
        method.translate(nets, low, to="b")


@pytest.mark.parametrize("layout", ["light", "paper"])
def test_pictures_of_any_shape_come_out_larger_and_in_range(layout: Any) -> None:
    method = replace(TINY, layout=layout, factor=2)
    nets = networks(method).eval()
    with torch.no_grad():
        made = method.translate(nets, torch.randn(2, 3, 9, 21))
    assert made.shape == (2, 3, 18, 42)
    assert float(made.abs().max()) <= 1


def test_the_first_stages_error_is_that_of_the_pixels() -> None:
    nets, x = networks(), pictures()
    for method in (TINY, replace(TINY, error="squared")):
        difference = larger(rounded(smaller(x, 4)), 4) - x  # the light generator begins with it
        wanted = difference.abs().mean() if method.error == "absolute" else difference.square().mean()
        torch.testing.assert_close(method.pixel_loss(nets, Batch(x), Progress(0, 1, 0)).total, wanted)


@pytest.mark.parametrize("relativistic", [True, False])
def test_the_second_stages_losses_are_those_of_the_docstring(relativistic: bool) -> None:
    method = replace(TINY, relativistic=relativistic, pixel=0.3, feature=0.7, adversarial=0.2)
    nets, x = networks(method), pictures()
    drawn = method.pairs(nets, Batch(x), Progress(0, 1, 0))
    batch, (crops, made) = Batch(x, drawn=drawn), drawn.chunk(2)
    assert torch.equal(crops, x), "a crop as large as the picture is the picture"
    real, fake = nets.discriminator(x), nets.discriminator(made)
    judge, deceive = F.softplus(fake - real), F.softplus(real - fake)
    if not relativistic:
        judge, deceive = F.softplus(-real) + F.softplus(fake), F.softplus(-fake)
    torch.testing.assert_close(method.discriminator_loss(nets, batch, Progress(1, 1, 0)).total, judge.mean())
    features = perceptual_distance(nets.features.features, x, made).mean()
    wanted = 0.3 * (made - x).abs().mean() + 0.7 * features + 0.2 * deceive.mean()
    torch.testing.assert_close(method.sharp_loss(nets, batch, Progress(1, 1, 0)).total, wanted)


def test_without_a_second_stage_there_is_no_discriminator_to_play() -> None:
    phases = replace(TINY, pixel_share=1.0).phases()
    assert [phase.player for phase in phases] == ["features", "generator"]
    assert replace(TINY, pixel_share=1.0).optimizers()["generator"].schedule.factor(1.0) == 0


def test_large_pictures_are_learned_from_in_crops() -> None:
    method = replace(TINY, crop=32)
    nets = method.networks(replace(SPEC, shape=(3, 64, 64)), {})
    x = torch.rand(3, 3, 64, 64)
    torch.manual_seed(5)
    drawn = method.pairs(nets, Batch(x), Progress(0, 1, 0))
    torch.manual_seed(5)
    assert torch.equal(drawn[:3], cropped(x, 32))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"crop": 40}, "--crop 40"),
        ({"pixel_share": 0.0}, "--pixel-share"),
        ({"features_until": 0.8}, "--features-until"),
        ({"jpeg": 99}, "--jpeg 99"),
        ({"blur": -1.0}, "--blur"),
    ],
)
def test_senseless_fields_are_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        replace(TINY, **fields).networks(SPEC, {})
