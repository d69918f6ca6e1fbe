"""What is said before a run begins."""

from __future__ import annotations

import pytest

from imaginable.apps import _small
from imaginable.apps._few import said
from imaginable.core.types import DataSpec
from imaginable.methods.dcgan import Dcgan
from imaginable.methods.r3gan import R3gan
from imaginable.methods.srgan import Srgan
from imaginable.methods.vae import Vae
from imaginable.nn.augment import FEW


def pictures(count: int) -> DataSpec:
    return DataSpec("images", (3, 32, 32), count=count)


@pytest.mark.parametrize("method", [Dcgan(), R3gan()])
def test_of_few_pictures_it_is_said_that_they_are_not_augmented(method: Dcgan | R3gan) -> None:
    assert said(method, pictures(198)).startswith("augment none: 198 pictures are few")


def test_nothing_is_said_of_many_pictures_or_points_or_of_a_choice_that_was_made_or_cannot_be() -> None:
    assert said(R3gan(), pictures(FEW))
    assert not said(R3gan(), pictures(FEW + 1))
    assert not said(R3gan(), DataSpec("points", (2,), count=198))
    assert not said(R3gan(augment="adaptive"), pictures(198))
    assert not said(Vae(), pictures(198))


def test_who_learns_to_enlarge_from_enlarged_pictures_is_told() -> None:
    manifest = {"items": 9, "sizes": {"128x128": 3, "200x64": 4, "90x500": 2}}
    assert _small.said(Srgan(), 128, manifest).startswith("6 of 9 pictures have fewer than 128 pixels on a side")
    assert not _small.said(Srgan(), 64, manifest)
    assert not _small.said(Vae(), 128, manifest)
