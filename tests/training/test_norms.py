"""Steps out of all proportion: far from what was usual, and not merely after gradients had vanished."""

from __future__ import annotations

from imaginable.training.norms import EXPLODED, WINDOW, Norms


def test_a_thousand_times_the_usual_norm_explodes_and_a_hundred_times_does_not() -> None:
    norms = Norms()
    for step in range(WINDOW):
        assert not norms.explodes("0 p", 1e9), "nothing is usual yet"
        norms.add("0 p", "p", 3.0 + 0.01 * step)
    assert norms.last == {"p": 3.0 + 0.01 * (WINDOW - 1)}
    assert not norms.explodes("0 p", 300)
    assert norms.explodes("0 p", 1.1 * EXPLODED * 3.25)
    assert not norms.explodes("1 p", 1e9), "another phase has other gradients"


def test_where_gradients_have_vanished_what_was_usual_before_counts() -> None:
    norms = Norms()
    for norm in (2.0, 1e-9):
        for _ in range(WINDOW):
            norms.add("0 p", "p", norm)
    assert not norms.explodes("0 p", 1500.0)
    again = Norms()
    again.load_state_dict(norms.state_dict())
    assert again.state_dict() == norms.state_dict()
    assert again.explodes("0 p", 2001.0)
