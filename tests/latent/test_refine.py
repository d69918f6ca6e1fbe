"""Descent on codes: it finds them, is never worse than its start, and keeps them plausible."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imaginable.latent import invert
from imaginable.latent.invert import Reach, refine


def curved(z: Tensor, label: Tensor | None) -> Tensor:
    """Codes (n, 3) to items (n, 12): smooth and one to one near the origin. A label turns the sign."""
    weight = torch.linspace(-1, 1, 36).view(3, 12).sin() * torch.tensor([[1.0], [0.7], [0.4]])
    x = torch.tanh((z + 0.1 * z.square()) @ (weight + torch.eye(3, 12)))
    return x if label is None else x * (1 - 2 * label.float())[:, None]


def codes(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))


def test_codes_of_made_items_are_found() -> None:
    z = 0.3 * codes(20)
    found = refine(curved, curved(z, None), torch.zeros(1, 20, 3), lr=0.1)
    assert float(found.error.max()) < 1e-6
    torch.testing.assert_close(found.codes, z, atol=0.02, rtol=0)
    torch.testing.assert_close(found.error, (curved(found.codes, None) - curved(z, None)).square().mean(1) / 4)


@pytest.mark.parametrize("lr", [0.1, 30.0])
def test_it_is_never_worse_than_its_best_start(lr: float) -> None:
    x, starts = curved(codes(10), None), torch.stack([codes(10, seed) for seed in (1, 2, 3)])
    errors = torch.stack([(curved(start, None) - x).square().mean(1) / 4 for start in starts])
    found = refine(curved, x, starts, steps=10, lr=lr)
    torch.testing.assert_close(found.before, errors.min(0).values)
    assert bool((found.error <= found.before).all())


def test_without_a_step_the_best_start_is_what_is_found() -> None:
    z = codes(6)
    found = refine(curved, curved(z, None), torch.stack([codes(6, 1), z, codes(6, 2)]), steps=0)
    assert torch.equal(found.codes, z)
    assert float(found.error.max()) == 0


def test_items_do_not_influence_each_other_however_they_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    x, starts = curved(codes(9), None), torch.stack([codes(9, 1), codes(9, 2)])
    together = refine(curved, x, starts, steps=20)
    alone = [refine(curved, x[at : at + 1], starts[:, at : at + 1], steps=20) for at in range(9)]
    torch.testing.assert_close(together.codes, torch.cat([one.codes for one in alone]))
    sizes: list[int] = []

    def noted(z: Tensor, label: Tensor | None) -> Tensor:
        sizes.append(len(z))
        return curved(z, label)

    monkeypatch.setattr(invert, "BLOCK", 4)
    torch.testing.assert_close(refine(noted, x, starts, steps=20).codes, together.codes)
    assert max(sizes) <= 4, "no more at once"


def test_each_item_keeps_its_class() -> None:
    z, label = 0.3 * codes(8), torch.arange(8) % 2
    found = refine(curved, curved(z, label), torch.zeros(2, 8, 3), label=label, lr=0.1)
    assert float(found.error.max()) < 1e-6


def test_codes_beyond_the_reach_pay() -> None:
    x = torch.full((4, 12), 1.0)  # nothing decodes to it: the further out, the nearer
    free = refine(curved, x, torch.ones(1, 4, 3), lr=0.3)
    held = refine(curved, x, torch.ones(1, 4, 3), lr=0.3, reach=Reach(1.0))
    assert float(held.codes.norm(dim=1).max()) < 0.5 * float(free.codes.norm(dim=1).min())


def test_features_have_a_say() -> None:
    x, asked = curved(codes(4), None), []

    def features(items: Tensor) -> Tensor:
        asked.append(len(items))
        return items[:, :2]

    plain, guided = (refine(curved, x, codes(4, 1)[None], steps=5, features=of) for of in (None, features))
    assert asked
    assert not torch.equal(plain.codes, guided.codes)


def test_it_says_how_far_it_is_and_can_be_stopped() -> None:
    told: list[tuple[int, int]] = []
    refine(curved, curved(codes(4), None), torch.zeros(3, 4, 3), steps=10, on_step=lambda *at: told.append(at))
    assert told == [(step, 10) for step in range(1, 11)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refine(curved, curved(codes(4), None), torch.zeros(1, 4, 3), on_step=stop)


def test_what_has_no_weight_is_not_looked_at() -> None:
    z = 0.3 * codes(20)
    x = curved(z, None)
    weight = (torch.arange(12) < 8).float().expand(20, 12)
    spoilt = torch.where(weight > 0, x, 9.0)
    asked: list[Tensor] = []

    def features(items: Tensor) -> Tensor:
        asked.append(items.detach())
        return items

    for of in (None, features):
        found = refine(curved, spoilt, torch.zeros(1, 20, 3), lr=0.1, weight=weight, features=of)
        torch.testing.assert_close(found.codes, z, atol=0.02, rtol=0)
        assert float(found.error.max()) < 1e-6
    assert float(asked[0][:, 8:].abs().max()) == 0


def test_a_weight_of_one_everywhere_changes_nothing() -> None:
    x, starts = curved(codes(6), None), torch.stack([codes(6, 1), codes(6, 2)])
    plain, weighted = (refine(curved, x, starts, steps=20, weight=of) for of in (None, torch.ones(1, 12)))
    torch.testing.assert_close(weighted.codes, plain.codes)
    torch.testing.assert_close(weighted.error, plain.error)
