"""Figures of detection against scikit-learn, double loops and the bootstrap; intervals and alarms by simulation."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from imaginable.core.errors import UserError
from imaginable.metrics.detection import (
    auroc,
    average_precision,
    bounded,
    chance_of_pointing,
    conformal_p_value,
    conformal_threshold,
    false_alarm_interval,
    pixel_auroc,
    pointing_game,
)
from imaginable.metrics.score import Array, Score, Undefined

RANDOM = np.random.default_rng(0)
GOOD, BAD = RANDOM.normal(size=40), RANDOM.normal(1, 2, size=25)
TIED = np.round(GOOD), np.round(BAD)


def labelled(good: Array, bad: Array) -> tuple[Array, Array]:
    return np.repeat([0, 1], [len(good), len(bad)]), np.concatenate([good, bad])


# ---- whole pictures


@pytest.mark.parametrize(("good", "bad"), [(GOOD, BAD), TIED, (BAD, GOOD), (GOOD[:1], BAD[:3])])
def test_areas_are_scikit_learns(good: Array, bad: Array) -> None:
    truth, scores = labelled(good, bad)
    assert auroc(good, bad).value == pytest.approx(roc_auc_score(truth, scores))
    assert average_precision(good, bad).value == pytest.approx(average_precision_score(truth, scores))


@pytest.mark.parametrize(("good", "bad"), [(GOOD, BAD), TIED])
def test_auroc_and_its_error_by_loops(good: Array, bad: Array) -> None:
    wins = np.array([[(b > g) + (b == g) / 2 for b in bad] for g in good])
    variance = wins.mean(1).var(ddof=1) / len(good) + wins.mean(0).var(ddof=1) / len(bad)
    found = auroc(good, bad)
    assert found.score == pytest.approx((wins.mean(), math.sqrt(variance), 25, None))
    assert [part.sum() for part in found.parts] == pytest.approx([0, 0])


def test_two_areas_of_the_same_items_differ_by_less_than_their_errors_say() -> None:
    random = np.random.default_rng(1)

    def draw() -> Score:
        good, bad = random.normal(size=(60, 1)), random.normal(1, 1, size=(60, 1))
        good, bad = (items + 0.3 * random.normal(size=(60, 2)) for items in (good, bad))
        first, second = (auroc(good[:, of], bad[:, of]) for of in (0, 1))
        return first.minus(second).score

    drawn = [draw() for _ in range(400)]
    assert np.mean([one.error for one in drawn]) == pytest.approx(np.std([one.value for one in drawn]), rel=0.1)


def covers(area: float, spread: float, n: int, m: int, repeats: int = 1500) -> float:
    """How often the interval holds the true area of good N(0, 1) and bad N(μ, spread²)."""
    random, mean = np.random.default_rng(2), norm.ppf(area) * math.hypot(1, spread)
    held = 0
    for _ in range(repeats):
        found = bounded(auroc(random.normal(size=n), random.normal(mean, spread, size=m)), n, m)
        assert found.interval
        held += found.interval[0] <= area <= found.interval[1]
    return held / repeats


@pytest.mark.parametrize(("area", "spread", "n", "m"), [(0.6, 3, 200, 50), (0.8, 1, 200, 50), (0.7, 0.4, 60, 300)])
def test_the_interval_holds_the_area_95_times_in_100_where_items_are_many(
    area: float, spread: float, n: int, m: int
) -> None:
    assert covers(area, spread, n, m) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("area", "spread", "n", "m"), [(0.99, 3, 200, 50), (0.99, 0.4, 30, 200), (0.95, 1, 20, 20), (0.95, 3, 100, 10)]
)
def test_the_interval_keeps_its_promise_where_few_items_decide(area: float, spread: float, n: int, m: int) -> None:
    """With DeLong's variance alone it holds 0.75, 0.74, 0.97 and 0.81 of these."""
    assert covers(area, spread, n, m) > 0.93


def test_a_perfect_order_of_few_items_is_no_proof() -> None:
    for good, bad in ((20, 20), (100, 2), (1, 1)):
        found = bounded(auroc(np.zeros(good), np.ones(bad)), good, bad)
        reverse = bounded(auroc(np.ones(good), np.zeros(bad)), good, bad)
        assert found.value == 1
        assert found.interval
        assert found.interval[1] == 1
        assert 0 < found.interval[0] < 1
        assert reverse.interval == pytest.approx((0, 1 - found.interval[0]))
    # Newcombe's equation at A = 1: (1 - t)² = 1.96² V(t)
    found = bounded(auroc(np.zeros(20), np.ones(20)), 20, 20)
    assert found.interval
    t = found.interval[0]
    variance = t * (1 - t) / 400 * (1 + 19 * (1 - t) / (2 - t) + 19 * t / (1 + t))
    assert (1 - t) ** 2 == pytest.approx(1.959964**2 * variance)


def test_equal_scores_are_chance() -> None:
    found = bounded(auroc(np.zeros(30), np.zeros(20)), 30, 20)
    assert found.value == 0.5
    assert found.interval
    assert found.interval[0] < 0.4
    assert sum(found.interval) == pytest.approx(1)


def test_the_interval_of_average_precision_is_boyds_or_exact() -> None:
    found = average_precision(GOOD, BAD)
    p, width = found.value, 1.959964 / math.sqrt(25 * found.value * (1 - found.value))
    odds = [p / (1 - p) * math.exp(sign * width) for sign in (-1, 1)]
    assert found.interval == pytest.approx([one / (1 + one) for one in odds])
    assert found.error == pytest.approx(math.sqrt(p * (1 - p) / 25))
    perfect = average_precision(np.zeros(9), np.ones(20))
    assert perfect[:3] == (1, 0, 20)
    assert perfect.interval == pytest.approx((0.025 ** (1 / 20), 1))


def test_scores_that_say_nothing_have_the_share_of_bad_items_as_precision() -> None:
    assert average_precision(np.zeros(30), np.zeros(10)).value == 0.25
    drawn = [average_precision(RANDOM.normal(size=300), RANDOM.normal(size=100)).value for _ in range(200)]
    assert np.mean(drawn) == pytest.approx(0.25, abs=0.015)


def test_what_cannot_be_measured_is_refused() -> None:
    for figure in (auroc, average_precision):
        with pytest.raises(Undefined, match="some of each"):
            figure(GOOD, BAD[:0])
        with pytest.raises(UserError, match="no numbers"):
            figure(GOOD, np.append(BAD, math.nan))
        with pytest.raises(ValueError, match="one number an item"):
            figure(GOOD[:, None], BAD)


# ---- their pixels


def pictures(random: np.random.Generator, n: int, side: int = 8, contrast: float = 1.0) -> tuple[Array, Array]:
    """Maps with a level of their own each, and squares of different sizes and strengths, in half of them."""
    maps = random.normal(size=(n, side, side)) + random.normal(size=(n, 1, 1))
    truth = np.zeros((n, side, side), bool)
    for at in range(0, n, 2):
        size = random.integers(1, side // 2 + 1)
        truth[at, 1 : 1 + size, 2 : 2 + size] = True
        maps[at][truth[at]] += contrast * random.gamma(2)
    return maps, truth


@pytest.mark.parametrize("tied", [False, True])
def test_the_pixels_area_and_its_error_by_loops(tied: bool) -> None:
    maps, truth = pictures(RANDOM, 9)
    maps = np.round(maps) if tied else maps.astype(np.float32)
    found = pixel_auroc(maps, truth)
    assert found.value == pytest.approx(roc_auc_score(truth.ravel(), maps.ravel()))
    assert pixel_auroc(list(maps), list(truth)).value == found.value
    good, bad = maps[~truth], maps[truth]
    sums = np.zeros((2, 9))  # of the placements of each picture's defective pixels and others, less the area
    for picture, (row, column) in itertools.product(range(9), np.ndindex(8, 8)):
        value, defective = maps[picture, row, column], truth[picture, row, column]
        against = value - good if defective else bad - value
        sums[int(not defective), picture] += np.mean((against > 0) + (against == 0) / 2) - found.value
    terms = sums / np.array([[len(bad)], [len(good)]])
    own = (
        5 / 4 * np.square(terms[0]).sum() + 9 / 8 * np.square(terms[1]).sum()
    )  # 5 have a defect, all have other pixels
    both = math.sqrt(5 / 4 * 9 / 8) * 2 * (terms[0] @ terms[1])
    assert found.score.error == pytest.approx(math.sqrt(own + both))
    assert found.parts[0].shape == (9,)


def test_the_pixels_error_is_the_bootstraps_over_pictures_and_not_that_of_independent_pixels() -> None:
    random = np.random.default_rng(3)
    maps, truth = pictures(random, 80)
    found = pixel_auroc(maps, truth).score
    drawn = (random.integers(80, size=80) for _ in range(200))
    spread = np.std([pixel_auroc(maps[index], truth[index]).value for index in drawn])
    assert found.error == pytest.approx(float(spread), rel=0.2)
    assert found.error > 1.5 * auroc(maps[~truth], maps[truth]).score.error


def test_one_pixel_a_picture_is_a_picture() -> None:
    maps, truth = np.concatenate([GOOD, BAD])[:, None, None].astype(np.float32), np.zeros((65, 1, 1), bool)
    truth[40:] = True
    plain = auroc(maps[:40].ravel(), maps[40:].ravel()).score
    found = pixel_auroc(maps, truth).score
    assert found.value == pytest.approx(plain.value)
    assert found.error == pytest.approx(plain.error)


def test_millions_of_pixels_take_seconds() -> None:
    random = np.random.default_rng(4)
    maps = random.normal(size=(150, 128, 128)).astype(np.float32)
    truth = np.zeros(maps.shape, bool)
    truth[::3, 20:40, 30:60] = True
    maps += truth
    began = time.process_time()
    found = pixel_auroc(maps, truth).score
    assert found.value == pytest.approx(norm.cdf(math.sqrt(0.5)), abs=5 * found.error)
    assert time.process_time() - began < 20


def test_the_pixels_area_needs_pictures_with_a_defect_and_numbers() -> None:
    maps, truth = pictures(RANDOM, 4)
    with pytest.raises(Undefined, match="at least two pictures with a defect, not 1"):
        pixel_auroc(maps[1:], truth[1:])
    with pytest.raises(Undefined, match="without a defect, not 0"):
        pixel_auroc(maps, np.ones_like(truth))
    with pytest.raises(ValueError, match="cannot be compared"):
        pixel_auroc(maps[:, 1:], truth)
    maps[1, 2, 3] = math.nan
    with pytest.raises(UserError, match="no numbers"):
        pixel_auroc(maps, truth)


def test_pointing_counts_pictures_with_a_defect_and_shares_ties() -> None:
    maps, truth = np.zeros((5, 4, 4)), np.zeros((5, 4, 4), bool)
    truth[:4, :2, :2] = True
    maps[0, 1, 1], maps[1, 3, 3] = 1, 1  # a hit and a miss
    maps[2, 0, 0] = maps[2, 0, 3] = 2  # one of two inside
    found = pointing_game(maps, truth)  # map 3 is flat: a quarter is inside; picture 4 has no defect
    assert found.value == (1 + 0 + 1 / 2 + 1 / 4) / 4
    assert found.n == 4
    assert chance_of_pointing(truth) == 1 / 4
    with pytest.raises(Undefined, match="no picture has a defect"):
        pointing_game(maps[4:], truth[4:])


def test_the_interval_of_pointing_is_where_the_share_is_two_errors_away() -> None:
    truth = np.zeros((12, 2, 2), bool)
    truth[:, 0, 0] = True
    maps = truth.astype(float)
    maps[:3] = 1 - maps[:3]
    found = pointing_game(maps, truth)
    assert found.value == 0.75
    assert found.interval
    for end in found.interval:
        assert abs(0.75 - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / 12))
    assert pointing_game(truth.astype(float), truth).interval == pytest.approx((12 / (12 + 1.959964**2), 1))


# ---- alarms


def test_the_threshold_is_the_order_statistic_of_split_conformal() -> None:
    scores = RANDOM.permutation(np.arange(1.0, 100))
    assert [conformal_threshold(scores, rate) for rate in (0.01, 0.05, 0.07, 0.5)] == [99, 95, 93, 50]
    assert conformal_threshold(scores[:50], 0.049) == np.sort(scores[:50])[-2]  # ⌈51 · 0.951⌉ = 49
    with pytest.raises(Undefined, match="at least 99 good images to set it on, not 98"):
        conformal_threshold(scores[:98], 0.01)
    with pytest.raises(ValueError, match="between 0 and 1"):
        conformal_threshold(scores, 1.0)


@pytest.mark.parametrize("tied", [False, True])
def test_an_alarm_is_a_small_p_value(tied: bool) -> None:
    scores = np.round(3 * RANDOM.normal(size=119)) if tied else RANDOM.normal(size=119)
    new = np.concatenate([scores, RANDOM.normal(0, 4, size=200)])
    for rate in (0.05, 1 / 3):
        alarms = new > conformal_threshold(scores, rate)
        assert 0 < alarms.sum() < len(new)
        assert (conformal_p_value(scores, new) <= rate + 1e-12).tolist() == alarms.tolist()
    assert float(conformal_p_value(scores, 1000.0)) == 1 / 120
    assert float(conformal_p_value(scores, scores.min())) == 1


def test_new_good_items_raise_alarms_at_the_rate_and_in_the_interval() -> None:
    random = np.random.default_rng(5)
    shares = []
    for _ in range(4000):
        threshold = conformal_threshold(random.normal(size=59), 0.05)
        shares.append(float((random.normal(size=100) > threshold).mean()))
    assert np.mean(shares) == pytest.approx(0.05, abs=5 * np.std(shares) / math.sqrt(4000))
    low, high = false_alarm_interval(59, 100, 0.05)
    below, above = np.mean(np.array(shares) < low), np.mean(np.array(shares) > high)
    assert below <= 0.025 + 0.01
    assert 0.01 < above < 0.025 + 0.01
    wider = false_alarm_interval(59, 100, 0.05, level=0.99)
    assert wider[1] > high
    assert 0.001 < np.mean(np.array(shares) > wider[1]) < 0.005 + 0.005


def test_tied_scores_raise_fewer_alarms_and_never_more() -> None:
    random = np.random.default_rng(6)
    shares = []
    for _ in range(2000):
        threshold = conformal_threshold(random.integers(0, 4, size=39), 0.1)
        shares.append(np.mean(random.integers(0, 4, size=50) > threshold))
    assert np.mean(shares) < 0.1


def test_with_many_items_the_interval_closes_in_on_the_rate() -> None:
    low, high = false_alarm_interval(200_000, 200_000, 0.01)
    assert 0.0093 < low < 0.01 < high < 0.0107
    assert false_alarm_interval(99, 1, 0.01) == (0, 0)
    with pytest.raises(Undefined, match="at least 19 good images"):
        false_alarm_interval(18, 100, 0.05)
