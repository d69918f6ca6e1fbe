"""The pool of made pictures: what comes out, when it changes, and that it can go on from its buffers."""

import torch
from torch import Tensor

from imaginable.nn.pool import Pool


def numbered(*numbers: int) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1)


def filled(size: int) -> Pool:
    pool = Pool(size, (1, 1, 1))
    pool.mixed(numbered(*range(size)))
    pool.keep()
    return pool


def test_until_it_is_full_everything_goes_in_and_comes_out() -> None:
    pool = Pool(4, (1, 1, 1))
    for numbers in ((1, 2), (3, 4)):
        assert torch.equal(pool.mixed(numbered(*numbers)), numbered(*numbers))
        pool.keep()
    assert pool.pictures.flatten().tolist() == [1, 2, 3, 4]
    assert int(pool.held) == 4


def test_it_changes_only_when_it_is_told_to_keep() -> None:
    torch.manual_seed(0)
    pool = filled(5)
    before = pool.pictures.clone()
    pool.mixed(numbered(*range(100, 140)))
    assert torch.equal(pool.pictures, before)
    pool.keep()
    assert not torch.equal(pool.pictures, before)


def test_what_goes_in_takes_the_place_of_what_comes_out() -> None:
    """So no picture is ever lost or doubled, also within one batch and over parts of it."""
    torch.manual_seed(0)
    pool, out = filled(10), []
    for start in range(10, 200, 20):
        out += pool.mixed(numbered(*range(start, start + 10))).flatten().tolist()
        out += pool.mixed(numbered(*range(start + 10, start + 20))).flatten().tolist()
        pool.keep()
    seen = sorted(out + pool.pictures.flatten().tolist())
    assert seen == list(range(210))


def test_half_of_what_comes_out_is_new_and_old_ones_wait_for_twice_the_size() -> None:
    torch.manual_seed(0)
    size, count = 50, 8000
    pool = filled(size)
    out = torch.cat([_next(pool, number) for number in range(size, size + count)]).flatten()
    age = torch.arange(size, size + count) - out
    new = float((age == 0).float().mean())
    assert abs(new - 0.5) < 4 * (0.25 / count) ** 0.5
    # one in 2 · size pictures asks for a given slot: waiting is geometric, mean and deviation 2 · size
    waited = age[(age > 0) & (out >= size)].float()
    assert abs(float(waited.mean()) - 2 * size) < 6 * 2 * size / len(waited) ** 0.5


def _next(pool: Pool, number: int) -> Tensor:
    out = pool.mixed(numbered(number))
    pool.keep()
    return out


def test_it_goes_on_from_its_buffers() -> None:
    torch.manual_seed(0)
    pool, copy = Pool(6, (1, 1, 1)), Pool(6, (1, 1, 1))
    for number in range(9):
        _next(pool, number)
    copy.load_state_dict(pool.state_dict())
    outs = []
    for one in (pool, copy):
        torch.manual_seed(1)
        outs.append(torch.cat([_next(one, number) for number in range(9, 40)]))
    assert torch.equal(*outs)


def test_without_room_everything_comes_out_as_it_is() -> None:
    pool = Pool(0, (1, 1, 1))
    made = numbered(1, 2, 3).requires_grad_()
    out = pool.mixed(made)
    pool.keep()
    assert torch.equal(out, made)
    assert not out.requires_grad


def test_no_gradient_goes_into_what_was_made() -> None:
    assert not Pool(2, (1, 1, 1)).mixed(numbered(1, 2, 3).requires_grad_()).requires_grad
