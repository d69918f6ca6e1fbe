"""Directions in latent space that change one thing of a picture: found, taught by labels, or taught by pointing.

A direction is a vector: adding it moves a code by one standard deviation of codes along it, so that +2 means as much
for one slider as for another. Codes are (n, *code shape) throughout, vectors of one code's shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from torch import Tensor

Kind = Literal["principal", "factorised", "dimension", "supervised", "pointed"]
Measure = Literal["accuracy", "R²", "consistency"]

TRUSTED = {"accuracy": 0.75, "R²": 0.1, "consistency": 0.2}
"""the least confidence of each measure that a slider can be relied on with; guessing comes to 0.5, 0 and 0"""
LEAST_CLICKS = 3
"""on either side, below which a direction by pointing says nothing of itself"""
_FOLDS = 5


@dataclass(frozen=True)
class Direction:
    """A named way through latent space, and how far to trust it.

    vector: one standard deviation of codes. confidence: by `measure`, on items that the direction was not made from.
    named: a person gave the name. about: one line for a person. reach: how many deviations make the whole of it, such
    as from a picture without glasses to one with them; 0 where that is not known.
    """

    name: str
    vector: Tensor
    kind: Kind
    confidence: float
    measure: Measure
    about: str = ""
    named: bool = False
    reach: float = 0.0

    @property
    def weak(self) -> bool:
        """Too weak to trust; what it does may be chance."""
        return not self.confidence >= TRUSTED[self.measure]


def in_deviations(vector: Tensor, codes: Tensor) -> Tensor:
    """The vector with the length of one standard deviation of the codes along it. Zeros stay zeros."""
    unit = vector.flatten().double()
    unit = unit / unit.norm().clamp_min(1e-300)
    along = codes.flatten(1).double() @ unit
    scaled: Tensor = (along.std(correction=0) * unit).to(vector.dtype)
    return scaled.reshape(vector.shape)


def orthogonal(vector: Tensor, locked: Sequence[Tensor]) -> Tensor:
    """What is left of the vector at right angles to all the locked ones: v - L (LᵀL)⁻¹ Lᵀ v. May be nothing."""
    if not locked:
        return vector
    basis = torch.stack([one.flatten().double() for one in locked], 1)
    left, strength, _ = torch.linalg.svd(basis, full_matrices=False)
    left = left[:, strength > 1e-9 * strength.max()]  # two locked ones may be the same
    flat = vector.flatten().double()
    rest: Tensor = (flat - left @ (left.T @ flat)).to(vector.dtype)
    return rest.reshape(vector.shape)


# ---- found without labels


def principal(codes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The directions that codes vary most along, (k, *code shape) in deviations, and their shares of all variance (k,).

    Eigenvectors of the codes' covariance. For a model whose prior is N(0, I) all directions vary alike, and these are
    chance: use those of an inner layer.
    """
    flat = _centred(codes)
    _, strength, right = torch.linalg.svd(flat, full_matrices=False)
    variance = strength.square() / len(flat)
    count = min(count, len(variance))
    vectors = _signed(right[:count]) * variance[:count].sqrt()[:, None]
    return _shaped(vectors, codes), (variance[:count] / variance.sum()).to(codes.dtype)


def principal_of_layer(activations: Tensor, codes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The same of an inner layer's activations (n, ...), carried back to codes by least squares.

    v_k = argmin Σ_n | z_n - s_nk v |² with s_nk the n-th activation's coordinate along component k. Härkönen et al.
    2020, "GANSpace", arXiv:2004.02546, section 2.2. In deviations of the codes; shares are of the activations.
    """
    layer = _centred(activations)
    # a layer has many more numbers than there are items, and only the items' coordinates are needed
    strength, left = torch.linalg.eigh(layer @ layer.T)
    strength, left = strength.flip(0).clamp_min(0), left.flip(1)
    count = min(count, len(strength) - 1)
    scores = left[:, :count] * strength[:count].sqrt()  # (n, k), columns at right angles to each other
    vectors = scores.T @ _centred(codes) / strength[:count, None].clamp_min(1e-300)
    shares = strength[:count] / strength.sum()
    flat = codes.flatten(1)
    return _shaped(torch.stack([in_deviations(v, flat) for v in _signed(vectors)]), codes), shares.to(codes.dtype)


def factorised(weight: Tensor, codes: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Directions that the first layer A (out, d) amplifies most, in deviations, and their eigenvalues, falling.

    Eigenvectors of AᵀA: the n that maximise |A n|² (Shen & Zhou 2021, "Closed-Form Factorization of Latent Semantics
    in GANs", arXiv:2007.06600, equation 4).
    """
    a = weight.double()
    values, vectors = torch.linalg.eigh(a.T @ a)
    order = values.argsort(descending=True)[:count]
    chosen = _signed(vectors.T[order])
    flat = codes.flatten(1)
    found = torch.stack([in_deviations(v, flat) for v in chosen])
    return _shaped(found, codes), values[order].clamp_min(0).to(codes.dtype)


def consistency(changes: Tensor) -> float:
    """How alike a move changes different pictures: (n, ...) changes, each compared with the mean of the others.

    The mean over items of cos(change_i, mean of the changes but i), at least 0. Of one item, or none that changes: 0.
    """
    flat = changes.flatten(1).double()
    others = flat.sum(0) - flat
    norms = flat.norm(dim=1) * others.norm(dim=1)
    cosines = torch.where(norms > 0, (flat * others).sum(1) / norms.clamp_min(1e-300), torch.zeros_like(norms))
    return max(0.0, float(cosines.mean())) if len(flat) > 1 else 0.0


# ---- from labels


@dataclass(frozen=True)
class Told:
    """One thing said of n items. values: (n,), NaN = unknown; indices below `words`, or numbers where that is 0."""

    values: Tensor
    words: int = 0

    @property
    def columns(self) -> Tensor:
        """(n, 1) of numbers or (n, words) of shares, centred; what is unknown is taken for the average."""
        known = torch.isfinite(self.values)
        filled = self.values.double().where(known, self.values[known].double().mean() if known.any() else 0.0)
        if not self.words:
            return (filled - filled.mean())[:, None]
        chosen = torch.nn.functional.one_hot(filled.round().long(), self.words).double()
        shares = chosen[known].mean(0)
        return torch.where(known[:, None], chosen - shares, 0.0)


def supervised(codes: Tensor, told: Sequence[Told]) -> list[Tensor]:
    """How codes change with each thing told, the others staying: the regression of codes on all of them together.

    z = a + Σ_k B_k t_k, by least squares. A reader (t from z, as linear and logistic regression are) would be the wrong
    way round: its weights also lie along what it subtracts as noise, and moving along them brings that in (Haufe et al.
    2014, "On the interpretation of weight vectors of linear models", doi:10.1016/j.neuroimage.2013.10.067). Taken
    together, so that things that happen to come together do not move each other.

    Of each, as a step: for numbers (1, *code shape), what goes with one deviation of them; for words (words, *code
    shape), from the items of all others to those of this one. Zeros where nothing varies.
    """
    parts = [one.columns for one in told]
    columns = torch.cat(parts, 1)
    flat = _centred(codes)
    # the columns of words add up to nothing: a touch of ridge picks the smallest of the equal answers
    gram = columns.T @ columns
    ridge = 1e-6 * max(float(gram.diagonal().mean()), 1e-12) * torch.eye(len(gram), dtype=torch.float64)
    effects = torch.linalg.solve(gram + ridge, columns.T @ flat)
    steps = []
    for part, effect in zip(parts, effects.split([one.shape[1] for one in parts]), strict=True):
        if part.shape[1] == 1:
            step = effect * part.std(correction=0)
        else:
            shares = (part > 0).double().mean(0, keepdim=True)  # (1, words)
            others = (shares @ effect - shares.T * effect) / (1 - shares.T).clamp_min(1e-9)
            step = effect - others
        steps.append(_shaped(step, codes))
    return steps


def linear(codes: Tensor, values: Tensor) -> float:
    """R² of reading numbers (n,) off codes that were left out, by ridge regression; at least 0. NaN is left out.

    Raises ValueError where fewer than ten numbers are known, or all are the same.
    """
    known = torch.isfinite(values)
    codes, values = codes[known], values[known].double()
    if len(values) < 2 * _FOLDS or values.std() == 0:
        raise ValueError("at least ten items with differing values were expected")
    flat, target = _centred(codes).numpy(), (values - values.mean()).numpy()
    parts = KFold(_FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(Ridge(alpha=_noise(flat)), flat, target, cv=parts)
    return max(0.0, float(r2_score(target, predicted)))


def logistic(codes: Tensor, chosen: Tensor) -> float:
    """Balanced accuracy of telling codes that were left out apart, by logistic regression: chosen (n,) bool.

    Raises ValueError where either side has fewer than three.
    """
    fewest = int(min(chosen.sum(), (~chosen).sum()))
    if fewest < LEAST_CLICKS:
        raise ValueError(f"at least {LEAST_CLICKS} items in and {LEAST_CLICKS} out of a group were expected")
    flat, target = _centred(codes).numpy(), chosen.numpy()
    reader = LogisticRegression(C=1 / _noise(flat), class_weight="balanced", max_iter=2000)
    parts = StratifiedKFold(min(_FOLDS, fewest), shuffle=True, random_state=0)
    return float(balanced_accuracy_score(target, cross_val_predict(reader, flat, target, cv=parts)))


def pointed(most: Tensor, least: Tensor, codes: Tensor) -> tuple[Tensor, float]:
    """The direction from the least to the most of a shown sheet, (m, ...) and (k, ...), and how often one that is left
    out falls on its own side. codes: many, for the unit.

    The difference of the means, which a few wrong clicks tilt but do not turn; with so few points every further
    parameter would be fitted to chance. The accuracy is balanced between the sides; 0 below three clicks on either.
    """
    vector = in_deviations(most.mean(0) - least.mean(0), codes)
    if min(len(most), len(least)) < LEAST_CLICKS:
        return vector, 0.0
    sides = [most.flatten(1).double(), least.flatten(1).double()]
    rights = []
    for side, own in enumerate(sides):
        other = sides[1 - side].mean(0)
        for item in range(len(own)):
            rest = torch.cat([own[:item], own[item + 1 :]]).mean(0)
            rights.append((side, float((own[item] - (rest + other) / 2) @ (rest - other)) > 0))
    shares = [np.mean([right for of, right in rights if of == side]) for side in (0, 1)]
    return vector, float(np.mean(shares))


# ---- helpers


def _centred(codes: Tensor) -> Tensor:
    flat = codes.flatten(1).double()
    return flat - flat.mean(0)


def _noise(flat: np.ndarray) -> float:
    """A penalty that counts as much as one item of typical spread: it settles what few items leave open."""
    return max(float(np.square(flat).mean()), 1e-12)


def _signed(vectors: Tensor) -> Tensor:
    """With the largest number of each positive: an eigenvector's sign is chance."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * largest.sign()


def _shaped(vectors: Tensor, codes: Tensor) -> Tensor:
    return vectors.to(codes.dtype).reshape(len(vectors), *codes.shape[1:])
