"""The sliced core beside scipy, the pyramid by its sum, and distances of textures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from scipy.stats import wasserstein_distance

from imaginable.metrics.score import Undefined
from imaginable.metrics.sliced_wasserstein import expanded, halved, level, sliced_distances, sliced_wasserstein


def textures(n: int, size: int = 32, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Grainy pictures: noise upon coarser noise."""
    random = np.random.default_rng(seed)
    coarse = random.normal(0, 30, (n, size // 4, size // 4, channels)).repeat(4, 1).repeat(4, 2)
    fine = random.normal(128, random.uniform(10, 30, (n, 1, 1, 1)), (n, size, size, channels))
    return np.clip(coarse + fine, 0, 255).astype(np.uint8)


def blurred(pictures: np.ndarray) -> np.ndarray:
    return uniform_filter(pictures.astype(float), (0, 3, 3, 0)).round().astype(np.uint8)


def test_along_every_direction_it_is_the_distance_of_scipy() -> None:
    random = np.random.default_rng(0)
    first, second = random.standard_normal((200, 5)), random.gamma(1.0, size=(200, 5))
    directions = random.standard_normal((7, 5))
    expected = [wasserstein_distance(first @ direction, second @ direction) for direction in directions]
    np.testing.assert_allclose(sliced_distances(first, second, directions), expected)


def test_by_hand_in_one_dimension() -> None:
    first, second = np.array([[0.0], [3.0], [1.0]]), np.array([[5.0], [1.0], [0.0]])
    assert sliced_distances(first, second, np.array([[1.0], [-2.0]])).tolist() == pytest.approx([2 / 3, 4 / 3])


@pytest.mark.parametrize(
    ("height", "width", "levels"), [(32, 32, 2), (64, 64, 3), (45, 70, 2), (33, 33, 2), (20, 20, 1)]
)
def test_the_levels_add_up_to_the_picture(height: int, width: int, levels: int) -> None:
    planes = np.random.default_rng(0).integers(256, size=(2, 3, height, width)).astype(np.float32)
    pyramid = [level(planes, depth, levels) for depth in range(levels)]
    whole = pyramid[-1]
    for finer in pyramid[-2::-1]:
        whole = finer + expanded(whole, *finer.shape[2:])
    np.testing.assert_allclose(whole, planes, atol=1e-4)
    np.testing.assert_array_equal(whole.round(), planes)


def test_flat_planes_have_only_a_coarsest_level() -> None:
    flat = np.full((1, 1, 37, 64), 200, np.float32)
    np.testing.assert_allclose(halved(flat), 200, rtol=1e-6)
    np.testing.assert_allclose(level(flat, 0, 2), 0, atol=1e-4)
    np.testing.assert_allclose(level(flat, 1, 2), 200, rtol=1e-6)
    assert level(flat, 1, 2).shape == (1, 1, 19, 32)


def test_a_point_is_smoothed_by_five_taps() -> None:
    point = np.zeros((1, 1, 9, 9), np.float32)
    point[0, 0, 4, 4] = 256
    np.testing.assert_allclose(halved(point)[0, 0, 2], [0, 6, 36, 6, 0])
    taps = np.array([0, 0, 1, 4, 6, 4, 1, 0, 0])
    smaller = np.zeros((1, 1, 5, 5), np.float32)
    smaller[0, 0, 2, 2] = 64
    np.testing.assert_allclose(expanded(smaller, 9, 9)[0, 0], np.outer(taps, taps))


@pytest.mark.parametrize(
    ("size", "sizes"), [(16, [16]), (28, [28]), (31, [31]), (32, [32, 16]), (33, [33, 17]), (70, [70, 35, 18])]
)
def test_levels_are_keyed_by_their_size(size: int, sizes: list[int]) -> None:
    pictures = np.random.default_rng(0).integers(256, size=(50, size, size + 5, 1), dtype=np.uint8)
    assert list(sliced_wasserstein(pictures, pictures, patches=1)) == sizes


def test_a_set_is_at_0_from_itself_and_near_when_shuffled() -> None:
    pictures = textures(100)
    for score in sliced_wasserstein(pictures, pictures.copy(), patches=8).values():
        assert (score.value, score.n) == (0, 100)
    shuffled = sliced_wasserstein(pictures, pictures[::-1])
    far = sliced_wasserstein(pictures, blurred(pictures))
    assert shuffled[32].value < far[32].value / 4


def test_blur_moves_the_finest_level_most() -> None:
    pictures = textures(200, 64, 3)
    scores = sliced_wasserstein(pictures[:100], blurred(pictures[100:]), patches=8)
    baseline = sliced_wasserstein(pictures[:100], pictures[100:], patches=8)
    assert list(scores) == [64, 32, 16]
    excess = [scores[size].value - baseline[size].value for size in scores]
    assert excess[0] > 2 * excess[1]
    assert excess[0] > 2 * excess[2]
    assert scores[64].value > baseline[64].value + 5 * scores[64].error


def test_brightness_and_contrast_of_a_whole_set_do_not_count() -> None:
    pictures = textures(60) // 4
    scores = sliced_wasserstein(pictures, 3 * pictures + 20, patches=8)
    assert all(score.value < 0.01 for score in scores.values())


@pytest.mark.parametrize("change", [lambda pictures: pictures, blurred])
def test_the_error_is_the_spread_over_repeated_draws(change) -> None:  # type: ignore[no-untyped-def]
    scores = []
    for seed in range(30):
        pictures = textures(100, 16, seed=seed)
        scores.append(sliced_wasserstein(pictures[:50], change(pictures[50:]), seed, patches=4)[16])
    spread = np.std([score.value for score in scores], ddof=1)
    assert 0.7 * spread < np.mean([score.error for score in scores]) < 1.7 * spread


def test_of_unequal_sets_the_smaller_number_counts() -> None:
    pictures = textures(150)
    scores = sliced_wasserstein(pictures[:50], pictures, patches=4)
    assert {score.n for score in scores.values()} == {50}
    assert all(score.value > 0 for score in scores.values())
    again = sliced_wasserstein(pictures, pictures[:50], patches=4)
    assert [again[size].value for size in again] == [scores[size].value for size in scores]
    assert sliced_wasserstein(pictures, pictures[:50], seed=1, patches=4) != again


def test_channels_are_normalised_one_by_one_and_flat_ones_only_centred() -> None:
    pictures = textures(60, 16, 3)
    scaled = pictures // 4 * np.array([1, 2, 3], np.uint8)
    assert sliced_wasserstein(pictures // 4, scaled, patches=8)[16].value < 0.01
    flat = pictures * np.array([1, 0, 1], np.uint8)
    assert sliced_wasserstein(flat, flat + np.array([0, 9, 0], np.uint8), patches=8)[16].value < 0.01
    assert sliced_wasserstein(flat, pictures, patches=8)[16].value > 100


def test_too_few_or_too_small_pictures_are_refused() -> None:
    pictures = textures(50)
    with pytest.raises(Undefined, match="at least 50 pictures a set, not 49"):
        sliced_wasserstein(pictures, pictures[:49])
    with pytest.raises(Undefined, match="at least 7 pixels, not 6"):
        sliced_wasserstein(pictures[:, :6], pictures[:, :6])
    assert list(sliced_wasserstein(pictures[:, :7], pictures[:, :7], patches=1)) == [7]
