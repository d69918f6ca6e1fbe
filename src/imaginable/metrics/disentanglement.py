"""Disentanglement: whether each dimension of a code stands for one known factor of variation.

mutual_information_gap  Chen et al. 2018, "Isolating Sources of Disentanglement in VAEs", arXiv:1802.04942
dci                     Eastwood & Williams 2018, "A Framework for the Quantitative Evaluation of Disentangled
                        Representations", ICLR
factor_vae_score        Kim & Mnih 2018, "Disentangling by Factorising", arXiv:1802.05983

All take codes (n, d), posterior means, and factors (n, f), NaN where unknown: an item is left out of the factors
that it does not know. A factor with at most 20 different values is discrete; one with more is continuous and,
where values are needed, cut into 20 bins of equal counts. Factors that say too little are left out: known for fewer
than 200 items, or with fewer than 20 items away from the commonest value. Every score comes with a standard error,
from the items themselves, and with n, the items that know some factor. All raise ValueError for arrays that do not
fit together, codes that are not finite, and fewer than two dimensions or factors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from imaginable.metrics.score import Array, Score

BINS, LEAST_IN_A_BIN = 20, 10
REPLICATES, FOLDS = 50, 5  # of the bootstrap and of the jackknife
TREES, DEPTH, LEAF = 10, 8, 5
VOTES, VOTING_ITEMS = 800, 64
DEAD = 0.01  # variance of a dead dimension, in shares of the largest


class Dci(NamedTuple):
    """The three scores of `dci`."""

    disentanglement: Score
    completeness: Score
    informativeness: Score


def mutual_information_gap(codes: Array, factors: Array, seed: int = 0) -> Score:
    """MIG, in [0, 1]: how much more of a factor its best dimension knows than the second best (equation 6).

        1/f Σ_k 1/H(v_k) · ( I(z_j*; v_k) - max_{j ≠ j*} I(z_j; v_k) ),   j* = argmax_j I(z_j; v_k)

    The mutual informations are those of a table of counts, in which each dimension of the posterior means is cut
    as factors are, into 20 bins of equal counts. Locatello et al. 2019 (arXiv:1811.12359) cut means into 20 bins of
    equal width, which one extreme item moves; the paper itself cuts nothing, and integrates over draws from
    q(z | x). In such a table even noise seems to know (20 - 1)² / 2n nats of a continuous factor: that cancels
    in the gap, unless the best dimension knows all (of 2,000 items, perfect codes score 0.97). The error is that
    of a bootstrap over the items.
    """
    codes, factors, values = _usable(codes, factors)
    n, random = len(codes), np.random.default_rng(seed)
    bins, known = _one_hot(_binned(codes)), _one_hot(values)
    drawn = [np.bincount(random.integers(n, size=n), minlength=n) for _ in range(REPLICATES)]
    replicates = [_gap(bins, known, weights) for weights in drawn]
    return Score(_gap(bins, known, np.ones(n)), float(np.std(replicates, ddof=1)), n)


def _gap(bins: Array, known: Array, weights: Array) -> float:
    """MIG of one-hot codes (n, d, bins) and factors (n, f, values) of items that count so often."""
    (n, d, _), (_, f, _) = bins.shape, known.shape
    weighted = known * weights[:, None, None].astype(np.float32)
    counts = (bins.reshape(n, -1).T @ weighted.reshape(n, -1)).reshape(d, BINS, f, BINS).astype(np.float64)
    joint = counts / counts.sum((1, 3), keepdims=True)  # p(z_j, v_k)
    codes, factors = joint.sum(3), joint.sum(1)  # p(z_j) among items that know v_k (d, bins, f), p(v_k) (d, f, values)
    entropy = _entropy(factors, 2)  # the same for all dimensions
    information = np.sort(_entropy(codes, 1) + entropy - _entropy(joint, (1, 3)), axis=0)  # (d, f)
    return float(((information[-1] - information[-2]) / entropy[0]).mean())


def dci(codes: Array, factors: Array, seed: int = 0) -> Dci:
    """Disentanglement, completeness and informativeness, each in [0, 1] (section 2 of the paper).

    R_ij is the importance of dimension i in a random forest that predicts factor j. With the entropies H taken
    to the base of the number of terms,
        disentanglement   Σ_i ρ_i (1 - H(R_i· / Σ_j R_ij)),  ρ_i = Σ_j R_ij / Σ_ij R_ij: one factor a dimension
        completeness      1/f Σ_j (1 - H(R_·j / Σ_i R_ij)): one dimension a factor
        informativeness   1/f Σ_j max(0, 1 - E_j / E0_j), on held-out items
    E_j is the squared error of the forest for continuous factors and its share of mistakes for discrete ones, E0_j
    that of the best constant answer: R², or what remains of the accuracy once guessing is taken off. (The paper
    reports E_j alone.) Forests have 10 trees, at most 8 deep, with at least 5 items a leaf; the paper tunes the depth.

    Five folds: forests are fitted without one and judged on it; disentanglement and completeness are means over the
    five fits. The errors are those of the delete-one-fold jackknife. The forests' own chance is in every fold's
    figure, so those of disentanglement and completeness are rather too large; that of informativeness is widened
    because its folds share most of their training items (Nadeau & Bengio 2003, "Inference for the Generalization
    Error", section 3).
    """
    codes, factors, values = _usable(codes, factors)
    n, f = factors.shape
    fold = np.random.default_rng(seed).permutation(n) % FOLDS
    importance = np.zeros((FOLDS, codes.shape[1], f))
    error, guessing = np.zeros((2, FOLDS, f))
    for j in range(f):
        known = values[:, j] >= 0
        discrete = len(np.unique(factors[known, j])) <= BINS
        target = values[:, j] if discrete else factors[:, j]
        constant = np.bincount(target[known]).argmax() if discrete else target[known].mean()
        for i in range(FOLDS):
            train, test = known & (fold != i), known & (fold == i)
            forest = _forest(discrete, seed).fit(codes[train], target[train])
            importance[i, :, j] = forest.feature_importances_
            error[i, j] = _error(target[test], forest.predict(codes[test]), discrete)
            guessing[i, j] = _error(target[test], constant, discrete)
    skill = 1 - (error.sum(0) - error) / (guessing.sum(0) - guessing)  # of all folds but one, (folds, f)
    informativeness = _jackknifed(np.maximum(0, skill).mean(1), n)
    widened = informativeness.error * np.sqrt(1 + FOLDS / (FOLDS - 1))
    return Dci(
        _jackknifed(_disentanglement(importance), n),
        _jackknifed(_certainty(importance, 1).mean(1), n),
        informativeness._replace(error=float(widened)),
    )


def _forest(discrete: bool, seed: int) -> RandomForestClassifier | RandomForestRegressor:
    # every dimension is a candidate at every split: otherwise useless ones gain importance where they are alone
    kind = RandomForestClassifier if discrete else RandomForestRegressor
    return kind(TREES, max_depth=DEPTH, min_samples_leaf=LEAF, max_features=None, random_state=seed)


def _error(target: Array, answer: Any, discrete: bool) -> float:
    """Sum of squared errors, or number of mistakes."""
    return float((target != answer).sum() if discrete else np.square(target - answer).sum())


def _disentanglement(importance: Array) -> Array:
    """Importances (fits, d, f) to a score a fit: dimensions count by their share of all importance."""
    shares = importance.sum(2) / importance.sum((1, 2))[:, None]  # (fits, d)
    disentanglement: Array = (shares * _certainty(importance, 2)).sum(1)
    return disentanglement


def _certainty(importance: Array, axis: int) -> Array:
    """1 - H(shares along the axis), to the base of their number; where all is zero, 0."""
    total = importance.sum(axis, keepdims=True)
    shares = np.divide(importance, total, out=np.full_like(importance, 1 / importance.shape[axis]), where=total > 0)
    certainty: Array = 1 - _entropy(shares, axis) / np.log(importance.shape[axis])
    return certainty


def _jackknifed(folds: Array, n: int) -> Score:
    """From the figures without each fold in turn."""
    error = np.sqrt((len(folds) - 1) * folds.var())
    return Score(float(folds.mean()), float(error), n)


def factor_vae_score(codes: Array, factors: Array, seed: int = 0) -> Score:
    """How well the steadiest dimension tells which factor was held still, in [1/f, 1] (section 4 of the paper).

    A vote: a factor k drawn uniformly, the value of a random item, 64 items that share it (drawn with replacement),
    and the dimension of least variance among them, argmin_i Var(z_i) / s_i², s_i the deviation over all items.
    800 votes make a table by dimension and factor, and with it a majority-vote classifier of k; the score is its
    accuracy on 800 fresh votes. Guessing scores about 1/f. Dimensions with less than a hundredth of the largest
    one's variance are dead and left out, as the paper leaves out those collapsed to the prior.

    The paper draws every batch from a generator, this one from the given items; continuous factors share a bin. So
    the second 800 votes are on another half of the items: in the same small groups, even noise would repeat itself.
    The error is that of a bootstrap of each half's items, the chance of the votes included.
    """
    codes, _, values = _usable(codes, factors)
    n, random = len(codes), np.random.default_rng(seed)
    variance = codes.var(0)
    alive = variance > DEAD * variance.max()
    codes = codes[:, alive] / np.sqrt(variance[alive])
    halves = np.array_split(random.permutation(n), 2)
    resampled = [[random.choice(half, len(half)) for half in halves] for _ in range(REPLICATES)]
    replicates = [_accuracy(codes, values, first, second, random) for first, second in resampled]
    return Score(_accuracy(codes, values, halves[0], halves[1], random), float(np.std(replicates, ddof=1)), n)


def _accuracy(codes: Array, values: Array, first: Array, second: Array, random: np.random.Generator) -> float:
    """Of the classifier made by votes on the first items, on the second."""
    table = np.zeros((codes.shape[1], values.shape[1]))
    np.add.at(table, _votes(codes[first], values[first], random), 1)
    dimension, factor = _votes(codes[second], values[second], random)
    return float((table.argmax(1)[dimension] == factor).mean())


def _votes(codes: Array, values: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """The steadiest dimension and the factor of every vote."""
    factor = random.integers(values.shape[1], size=VOTES)
    chosen = np.empty((VOTES, VOTING_ITEMS), np.int64)
    for j in range(values.shape[1]):
        known = np.flatnonzero(values[:, j] >= 0)
        order = known[np.argsort(values[known, j], kind="stable")]
        # the items of a value stand together in the order: from `start`, `count` of them
        _, start, count = np.unique(values[order, j], return_index=True, return_counts=True)
        votes = np.flatnonzero(factor == j)
        value = random.choice(len(count), size=len(votes), p=count / count.sum())
        place = start[value, None] + random.integers(count[value, None], size=(len(votes), VOTING_ITEMS))
        chosen[votes] = order[place]
    return codes[chosen].var(1).argmin(1), factor


def _usable(codes: Array, factors: Array) -> tuple[Array, Array, Array]:
    """Codes (n, d), factors (n, f) and their values (n, f) of the items and factors that can be scored."""
    codes, factors = np.asarray(codes, np.float64), np.asarray(factors, np.float64)
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors):
        raise ValueError(f"codes (n, d) and factors (n, f) were expected, not {codes.shape} and {factors.shape}")
    if not np.isfinite(codes).all():
        raise ValueError("codes must be finite numbers")
    values = _binned(factors)
    telling = [_tells_something(column) for column in values.T]
    if codes.shape[1] < 2 or sum(telling) < 2:
        raise ValueError(
            f"{codes.shape[1]} dimensions, and {sum(telling)} of {len(telling)} factors that vary enough and are known "
            f"for at least {BINS * LEAST_IN_A_BIN} items: 2 of each are needed"
        )
    factors, values = factors[:, telling], values[:, telling]
    used = (values >= 0).any(1)
    return codes[used], factors[used], values[used]


def _tells_something(values: Array) -> bool:
    counts = np.bincount(values[values >= 0], minlength=1)
    return bool(counts.sum() >= BINS * LEAST_IN_A_BIN and counts.sum() - counts.max() >= BINS)


def _binned(columns: Array) -> Array:
    """Which of at most 20 values or bins of equal counts each item has, (n, k); -1 where unknown."""
    index = np.full(columns.shape, -1)
    for j, column in enumerate(columns.T):
        known = np.isfinite(column)
        distinct, index[known, j] = np.unique(column[known], return_inverse=True)
        if len(distinct) > BINS:
            edges = np.quantile(column[known], np.arange(1, BINS) / BINS)
            index[known, j] = np.searchsorted(edges, column[known], side="right")
    return index


def _one_hot(index: Array) -> Array:
    """(n, k) to (n, k, bins); -1 becomes all zeros. Single precision counts exactly up to 16 million items."""
    one_hot: Array = np.equal(index[..., None], np.arange(BINS)).astype(np.float32)
    return one_hot


def _entropy(probability: Array, axis: int | tuple[int, ...]) -> Array:
    """In nats."""
    logarithm = np.log(np.where(probability > 0, probability, 1))
    return np.asarray(-(probability * logarithm).sum(axis))
