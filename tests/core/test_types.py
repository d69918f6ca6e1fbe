"""Batches travel whole, progress never exceeds one, plotted terms hold no graph."""

import torch

from imaginable.core.types import Batch, DataSpec, Loss, Progress


def test_a_part_of_a_batch_takes_every_tensor_along() -> None:
    part = Batch(torch.arange(6.0)[:, None], label=torch.arange(6), drawn=torch.arange(6) * 10).part(2, 4)
    assert len(part) == 2
    assert part.x.flatten().tolist() == [2.0, 3.0]
    assert part.label is not None
    assert part.drawn is not None
    assert part.label.tolist() == [2, 3]
    assert part.drawn.tolist() == [20, 30]
    assert part.hole is None


def test_dimensions_count_the_numbers_of_one_item() -> None:
    assert DataSpec("images", (3, 28, 28)).dimensions == 3 * 28 * 28


def test_progress_is_a_fraction_of_the_images() -> None:
    assert Progress(25, 100, 3).fraction == 0.25
    assert Progress(130, 100, 3).fraction == 1.0


def test_terms_to_plot_hold_no_graph() -> None:
    total = torch.ones(3, requires_grad=True).sum()
    loss = Loss(total, part=2 * total)
    assert loss.total.requires_grad
    assert not loss.terms["part"].requires_grad
