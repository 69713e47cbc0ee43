"""How strongly groups resemble each other, and what that says of each: arrays only.

Groups have true values around a prior value of their own, and a strength says how
closely. The share of the prior in the estimate of a group of typical size, between 0
and 1, is the unknown of which every value is as likely as any other beforehand.
"""

from abc import ABC, abstractmethod

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import minimize_scalar
from scipy.special import (
    betainc,
    betaln,
    digamma,
    expit,
    logit,
    ndtr,
    polygamma,
    xlog1py,
    xlogy,
)

_GRID = 25  # shares of the prior that are looked at
_NODES = 5  # values of each group's prior value, given the strength
_DEPTH = 10.0  # logarithm of a weight, below the largest, that is left out
_ROUNDS = 60  # of Newton's method, at most


class Hierarchy(ABC):
    """Values of groups around prior values that are linear in some columns.

    Parameters
    ----------
    basis : ndarray of shape (n_groups, n_columns)
        Orthonormal; the constant lies in its span.
    """

    restricted = True  # whether the likelihood of the strength allows for the columns

    def __init__(self, basis):
        self.basis = basis

    @abstractmethod
    def fit(self, share):
        """Fit the prior values for several strengths.

        Parameters
        ----------
        share : ndarray of shape (n_strengths,)
            Share of the prior at the typical size.

        Returns
        -------
        centre, variance : ndarray of shape (n_strengths, n_groups)
            Prior value of each group on the linear scale, and its uncertainty.
        fit, volume : ndarray of shape (n_strengths,)
            Log-likelihood, and half the logarithm of the determinant of the variance of
            the coefficients.
        """

    @abstractmethod
    def components(self, share, centre, variance):
        """Laws of each group for every strength.

        Returns
        -------
        weights : ndarray of shape (n_nodes,)
        first, second : ndarray of shape (n_strengths, n_nodes, n_groups)
            The two parameters of each law.
        """

    @abstractmethod
    def mean(self, first, second):
        """Mean of laws with these parameters."""

    @abstractmethod
    def density(self, first, second, value):
        """Of laws with these parameters."""

    @abstractmethod
    def cdf(self, first, second, value):
        """Probability of at most `value` by laws with these parameters."""

    @abstractmethod
    def ends(self, first, second):
        """Range in which to look for quantiles, by group."""

    @abstractmethod
    def shrinkages(self, share):
        """Share of the prior in each group, of shape (n_strengths, n_groups)."""

    @abstractmethod
    def spreads(self, share, centre):
        """Standard deviation of true values around prior values, by strength."""

    @abstractmethod
    def prior_values(self, centre):
        """Prior values on the scale of the metric."""

    def posterior(self, integrated, confidence_level):
        """Estimate every group.

        Parameters
        ----------
        integrated : bool
            Whether to allow for not knowing strength and prior values.
        confidence_level : float

        Returns
        -------
        found : dict
            `values`, `low`, `high`, `shrinkage` and `prior_values` by group, and
            `between`.
        """
        share, weights = self._strengths() if integrated else (self._best(), np.ones(1))
        centre, variance, _, _ = self.fit(share)
        nodes, first, second = self.components(
            share, centre, variance if integrated else 0 * variance
        )
        weights_of = (weights[:, None] * nodes).ravel()
        first, second = (p.reshape(-1, p.shape[-1]) for p in (first, second))
        kept = weights_of > 1e-4 * weights_of.max()
        mixture = weights_of[kept] / weights_of[kept].sum()
        first, second = first[kept], second[kept]
        tail = (1 - confidence_level) / 2
        return {
            "values": mixture @ self.mean(first, second),
            "low": self._quantile(mixture, first, second, tail),
            "high": self._quantile(mixture, first, second, 1 - tail),
            "shrinkage": weights @ self.shrinkages(share),
            "prior_values": weights @ self.prior_values(centre),
            "between": float(weights @ self.spreads(share, centre)),
        }

    def _strengths(self):
        """Shares of the prior, on a grid where the likelihood is, and weights."""
        low, high = 0.0, 1.0
        for _ in range(_ROUNDS):
            step = (high - low) / _GRID
            share = low + step * (np.arange(_GRID) + 0.5)
            _, _, fit, volume = self.fit(share)
            logs = fit + volume
            likely = share[logs > logs.max() - _DEPTH]
            if len(likely) > _GRID / 2:
                break
            low, high = likely[0] - step / 2, likely[-1] + step / 2
        weights = np.exp(logs - logs.max())
        return share, weights / weights.sum()

    def _best(self):
        """The most likely share of the prior."""

        def loss(share):
            _, _, fit, volume = self.fit(np.atleast_1d(share))
            return -(fit + volume * self.restricted)

        share = np.append((np.arange(_GRID) + 0.5) / _GRID, 1 - 1e-6)
        place = int(np.argmin(loss(share)))
        bounds = share[max(place - 1, 0)], share[min(place + 1, _GRID)]
        found = minimize_scalar(
            lambda s: loss(s)[0], bounds=bounds, method="bounded",
            options={"xatol": 1e-8},
        )  # fmt: skip
        best = share[place] if loss(share[place])[0] <= found.fun else found.x
        return np.array([best])

    def _quantile(self, mixture, first, second, level):
        """By Newton's method, and by halving where that leaves the bracket."""
        low, high = self.ends(first, second)
        value = mixture @ self.mean(first, second)
        for _ in range(_ROUNDS):
            excess = mixture @ self.cdf(first, second, value) - level
            low, high = (
                np.where(excess < 0, value, low),
                np.where(excess < 0, high, value),
            )
            density = mixture @ self.density(first, second, value)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = value - excess / density
            inside = (step > low) & (step < high)
            moved = np.where(inside, step, (low + high) / 2)
            done = np.abs(moved - value).max() < 1e-8 * (high - low).max() + 1e-9
            value = moved
            if done:
                break
        return value


class BetaBinomial(Hierarchy):
    """Shares of people: the true share of a group is beta, the observed one binomial.

    Parameters
    ----------
    hits, n : ndarray of shape (n_groups,)
        People who count, and all people; not whole where weighted.
    basis : ndarray of shape (n_groups, n_columns)
        Of the logits of prior shares.
    """

    restricted = False

    def __init__(self, hits, n, basis):
        super().__init__(basis)
        self.hits, self.n = hits, n
        self.typical = np.median(n)

    def _strength(self, share):
        """People that the prior counts for."""
        return (self.typical * share / (1 - share))[:, None]

    def fit(self, share):
        """Maximise the likelihood of the coefficients by Newton's method."""
        strength = self._strength(share)
        start = logit((self.hits.sum() + 0.5) / (self.n.sum() + 1))
        constant = self.basis.T @ np.full(len(self.n), start)
        coefficients = np.tile(constant, (len(share), 1))
        value = self._likelihood(coefficients, strength)
        for _ in range(_ROUNDS):
            slope, curve = self._derivatives(coefficients, strength)
            step = np.linalg.solve(curve, (slope @ self.basis)[..., None])[..., 0]
            reach = np.abs(step @ self.basis.T).max(axis=1, keepdims=True)
            step *= np.minimum(1, 2 / np.maximum(reach, 1e-300))
            for _ in range(20):  # go half as far where the likelihood would fall
                trial = self._likelihood(coefficients + step, strength)
                worse = trial < value - 1e-9
                if not worse.any():
                    break
                step[worse] /= 2
            coefficients, value = coefficients + step, trial
            if reach.max() < 1e-7:
                break
        _, curve = self._derivatives(coefficients, strength)
        inverse = np.linalg.inv(curve)
        variance = np.einsum("ki,sij,kj->sk", self.basis, inverse, self.basis)
        volume = np.linalg.slogdet(inverse)[1] / 2
        return coefficients @ self.basis.T, variance, value, volume

    def _likelihood(self, coefficients, strength):
        """With one person more, half of whom counts, spread over all groups."""
        share = self._share(coefficients)
        a, b = share * strength, (1 - share) * strength
        own = betaln(self.hits + a, self.n - self.hits + b) - betaln(a, b)
        person = np.log(share * (1 - share)).mean(axis=1) / 2
        return own.sum(axis=1) + person

    def _share(self, coefficients):
        return np.clip(expit(coefficients @ self.basis.T), 1e-12, 1 - 1e-12)

    def _derivatives(self, coefficients, strength):
        """Slope by logit, and curvature by coefficient, of minus the log-likelihood."""
        share = self._share(coefficients)
        a, b = share * strength, (1 - share) * strength
        hits, misses = self.hits + a, self.n - self.hits + b
        slope = digamma(hits) - digamma(a) - digamma(misses) + digamma(b)
        bow = polygamma(1, a) - polygamma(1, hits)
        bow = bow + polygamma(1, b) - polygamma(1, misses)
        spread = share * (1 - share)
        slope = slope * strength * spread + (0.5 - share) / len(self.n)
        curve = bow * (strength * spread) ** 2 + spread / len(self.n)
        return slope, np.einsum("sk,ki,kj->sij", curve, self.basis, self.basis)

    def components(self, share, centre, variance):
        """Beta laws, at some values of the prior share of each group."""
        nodes, weights = hermegauss(_NODES)
        steps = np.sqrt(variance)[:, None] * nodes[:, None]
        prior = expit(centre[:, None] + steps)
        strength = self._strength(share)[:, None]
        first = self.hits + prior * strength
        second = self.n - self.hits + (1 - prior) * strength
        return weights / weights.sum(), first, second

    def mean(self, first, second):
        """Mean of a beta law."""
        return first / (first + second)

    def cdf(self, first, second, value):
        """Of a beta law."""
        return betainc(first, second, value)

    def density(self, first, second, value):
        """Of a beta law."""
        logs = xlogy(first - 1, value) + xlog1py(second - 1, -value)
        return np.exp(logs - betaln(first, second))

    def ends(self, first, second):
        """From 0 to 1."""
        return np.zeros(len(self.n)), np.ones(len(self.n))

    def shrinkages(self, share):
        """People that the prior counts for, over all."""
        strength = self._strength(share)
        return strength / (strength + self.n)

    def spreads(self, share, centre):
        """Of a beta law, on average over groups."""
        prior = expit(centre)
        variance = (prior * (1 - prior)).mean(axis=1)
        return np.sqrt(variance / (self._strength(share)[:, 0] + 1))

    def prior_values(self, centre):
        """Shares."""
        return expit(centre)


class NormalNormal(Hierarchy):
    """Nearly normal values, of which the true ones are normal as well.

    Parameters
    ----------
    values, errors : ndarray of shape (n_groups,)
        With standard errors above 0.
    basis : ndarray of shape (n_groups, n_columns)
        Of prior values.
    """

    def __init__(self, values, errors, basis):
        super().__init__(basis)
        self.values, self.squares = values, errors**2
        self.typical = np.median(self.squares)

    def _between(self, share):
        """Variance of true values around prior values."""
        return (self.typical * (1 - share) / share)[:, None]

    def fit(self, share):
        """Weighted least squares."""
        weight = 1 / (self.squares + self._between(share))
        square = np.einsum("sk,ki,kj->sij", weight, self.basis, self.basis)
        inverse = np.linalg.inv(square)
        sums = (weight * self.values) @ self.basis
        centre = np.einsum("sij,sj->si", inverse, sums) @ self.basis.T
        variance = np.einsum("ki,sij,kj->sk", self.basis, inverse, self.basis)
        fit = (np.log(weight) - weight * (self.values - centre) ** 2).sum(axis=1) / 2
        return centre, variance, fit, np.linalg.slogdet(inverse)[1] / 2

    def components(self, share, centre, variance):
        """Normal laws, which hold the uncertainty of the prior value."""
        prior = self.shrinkages(share)
        mean = self.values + prior * (centre - self.values)
        square = (1 - prior) * self.squares + prior**2 * variance
        return np.ones(1), mean[:, None], np.sqrt(square)[:, None]

    def mean(self, first, second):
        """Mean of a normal law."""
        return first

    def cdf(self, first, second, value):
        """Of a normal law."""
        return ndtr((value - first) / second)

    def density(self, first, second, value):
        """Of a normal law."""
        z = (value - first) / second
        return np.exp(-(z**2) / 2) / (np.sqrt(2 * np.pi) * second)

    def ends(self, first, second):
        """Ten standard deviations away from any mean."""
        return (first - 10 * second).min(axis=0), (first + 10 * second).max(axis=0)

    def shrinkages(self, share):
        """Variance of the estimate over that of estimates around prior values."""
        return self.squares / (self.squares + self._between(share))

    def spreads(self, share, centre):
        """The same for all groups."""
        return np.sqrt(self._between(share)[:, 0])

    def prior_values(self, centre):
        """As they are."""
        return centre
