"""Which sizes are taken, and what is proposed for the others."""

import pytest

from imaginable.core.errors import UserError
from imaginable.core.sizes import Sizes

FOURS, POWERS = Sizes(), Sizes(least=32, most=128, powers=True)


def test_multiples_or_powers_within_limits() -> None:
    assert [size for size in range(40) if FOURS.takes(size)] == [16, 20, 24, 28, 32, 36]
    assert [size for size in range(600) if POWERS.takes(size)] == [32, 64, 128]
    assert FOURS.takes(256)
    assert not FOURS.takes(260)


@pytest.mark.parametrize(
    ("sizes", "asked", "nearest"),
    [(FOURS, 63, 64), (FOURS, 1, 16), (FOURS, 9999, 256), (POWERS, 100, 128), (POWERS, 65, 64), (POWERS, 28, 32)],
)
def test_a_size_that_will_not_do_is_refused_with_the_nearest(sizes: Sizes, asked: int, nearest: int) -> None:
    assert sizes.nearest(asked) == nearest
    with pytest.raises(UserError, match=f"--size {asked}: dcgan takes .* the nearest is {nearest}$"):
        sizes.check(asked, "dcgan")


def test_a_size_that_will_do_passes() -> None:
    FOURS.check(28, "vae")
    POWERS.check(64, "dcgan")
