"""The error of a mean over rows and columns that are both drawn: by hand, and by simulation."""

import math

import numpy as np
import pytest
from scipy.stats import t

from imaginable.metrics import crossed
from imaginable.metrics.crossed import Mean


def test_one_row_is_the_ordinary_mean() -> None:
    values = np.array([[1.0, 2.0, 3.0, 4.0, 10.0]])
    for table in (values, values.T):
        found = crossed.mean(table)
        assert found.value == 4
        assert found.error == pytest.approx(math.sqrt(12.5 / 5))
        assert found.freedom == 4
        assert found.half_width == pytest.approx(2.7764 * found.error, rel=1e-4)


def test_a_single_cell_says_nothing_of_the_error() -> None:
    found = crossed.mean(np.array([[3.0]]))
    assert math.isnan(found.error)
    assert found.interval == (-math.inf, math.inf)


def test_rows_and_columns_by_hand() -> None:
    """Without noise: M_e = 0, so the variance is (M_r + M_c) / 4."""
    table = np.array([[0.0], [2.0]]) + np.array([[0.0, 4.0]])
    found = crossed.mean(table)
    assert found.value == 3
    of_rows, of_columns = 2 * 2.0, 2 * 8.0  # columns · Σ (±1)², rows · Σ (±2)²
    assert found.error == pytest.approx(math.sqrt((of_rows + of_columns) / 4))
    assert found.freedom == pytest.approx((of_rows + of_columns) ** 2 / (of_rows**2 + of_columns**2))


def test_rows_that_vary_no_more_than_the_rest_are_left_out() -> None:
    columns = np.array([0.0, 10.0, 20.0, 5.0, 7.0])
    table = np.stack([columns + np.array([1, -1, 1, -1, 0]), columns - np.array([1, -1, 1, -1, 0])])
    found = crossed.mean(table)
    assert found.freedom == 4
    assert found.error == pytest.approx(columns.std(ddof=1) / math.sqrt(5))


def test_equal_cells_have_no_error() -> None:
    found = crossed.mean(np.full((2, 5), 0.25))
    assert (found.error, found.half_width) == (0, 0)


@pytest.mark.parametrize("of_rows", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("of_columns", [0.0, 1.0])
def test_the_interval_covers_about_what_it_says(of_rows: float, of_columns: float) -> None:
    """Two rows and five columns: about 90 to 99 % of intervals hold the truth, where cells taken as independent do
    so less than 60 % of the time where rows vary three times as much as the noise."""
    random, trials = np.random.default_rng(0), 2000
    rows = of_rows * random.standard_normal((trials, 2, 1))
    columns = of_columns * random.standard_normal((trials, 1, 5))
    tables = rows + columns + random.standard_normal((trials, 2, 5))
    means = [crossed.mean(table) for table in tables]
    covered = np.mean([abs(mean.value) <= mean.half_width for mean in means])
    assert 0.88 <= covered <= 0.998
    flat = tables.reshape(trials, 10)
    naive = np.mean(abs(flat.mean(1)) <= t.ppf(0.975, 9) * flat.std(1, ddof=1) / math.sqrt(10))
    assert (naive < 0.6) == (of_rows == 3.0)


def test_the_interval_is_symmetric() -> None:
    assert Mean(2.0, 1.0, 4).interval == pytest.approx((2 - 2.7764, 2 + 2.7764), rel=1e-4)
