"""Penalties over all pairs of people of two groups, without a loop over pairs.

A pair counts by the similarity of its outcomes, the Gaussian
``exp(-((y_i - y_j) / bandwidth) ** 2)``. Its Fourier integral, by the trapezoidal rule,
is a sum of cosines that is exact to rounding; so the similarity of all pairs is a
product of two narrow matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["GaussianPairs", "group_form", "individual_form"]

_REACH = 6.2  # exp(-6.2**2) is below rounding
_MOST_WIDTHS = 2000
_ROWS = 8192  # at a time


@dataclass(frozen=True, eq=False)
class GaussianPairs:
    """Sums of each group, out of which those over pairs of groups are made.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
    phases : ndarray of shape (n_samples,)
        Outcomes in units of the bandwidth.
    frequencies, heights : ndarray of shape (n_frequencies,)
        Of the cosines.
    codes : ndarray of shape (n_samples,)
    share : ndarray of shape (n_samples,)
        Weight of each row within its group.
    masses : ndarray of shape (n_groups, n_waves)
        Sum of the waves of each group.
    moments : ndarray of shape (n_groups, n_waves, n_columns)
        Sum of waves times values.
    """

    values: np.ndarray
    phases: np.ndarray
    frequencies: np.ndarray
    heights: np.ndarray
    codes: np.ndarray
    share: np.ndarray
    masses: np.ndarray
    moments: np.ndarray

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        y: np.ndarray,
        codes: np.ndarray,
        n_groups: int,
        weight: np.ndarray,
        bandwidth: float,
    ) -> GaussianPairs:
        """Tabulate the sums.

        Raises
        ------
        ValueError
            If `y` spans more than 2000 bandwidths.
        """
        low, high = y.min(), y.max()
        if high - low > _MOST_WIDTHS * bandwidth:
            raise ValueError(
                f"y spans {high - low:g}, more than {_MOST_WIDTHS} times the bandwidth "
                f"of {bandwidth:g}; take a larger one, or look for outliers in y."
            )
        phases = (y - (low + high) / 2) / bandwidth
        step = 2 * np.pi / (np.ptp(phases) + _REACH)
        frequencies = step * np.arange(int(2 * _REACH / step) + 1)
        heights = step / np.sqrt(np.pi) * np.exp(-(frequencies**2) / 4)
        heights[0] /= 2
        total = np.bincount(codes, weights=weight, minlength=n_groups)
        share = weight / total[codes]
        n_waves = 2 * len(frequencies)
        masses = np.zeros((n_groups, n_waves))
        moments = np.zeros((n_groups, n_waves, values.shape[1]))
        pairs = cls(values, phases, frequencies, heights, codes, share, masses, moments)
        for rows in pairs.blocks():
            waves = pairs.wave_rows(rows) * share[rows, None]
            for code in range(n_groups):
                own = codes[rows] == code
                masses[code] += waves[own].sum(axis=0)
                moments[code] += waves[own].T @ values[rows][own]
        return pairs

    def blocks(self) -> list[slice]:
        """Slices of the rows, few enough to hold their waves."""
        return [slice(k, k + _ROWS) for k in range(0, len(self.phases), _ROWS)]

    def wave_rows(self, rows: slice) -> np.ndarray:
        """Waves of some rows; their inner products are the similarities."""
        angles = np.outer(self.phases[rows], self.frequencies)
        root = np.sqrt(self.heights)
        return np.hstack([np.cos(angles) * root, np.sin(angles) * root])


def individual_form(pairs: GaussianPairs) -> np.ndarray:
    """Quadratic form of the mean of ``d_ij (f_i - f_j) ** 2`` over pairs of groups.

    Returns
    -------
    form : ndarray of shape (n_columns, n_columns)
        For fits f that are combinations of the columns of `values`.
    """
    everybody = pairs.masses.sum(axis=0)
    form = np.zeros((pairs.values.shape[1],) * 2)
    for rows in pairs.blocks():
        others = everybody - pairs.masses[pairs.codes[rows]]
        partners = np.sum(pairs.wave_rows(rows) * others, axis=1)
        own = pairs.values[rows]
        form += own.T @ (own * (partners * pairs.share[rows])[:, None])
    whole = pairs.moments.sum(axis=0)
    form -= whole.T @ whole
    for moment in pairs.moments:
        form += moment.T @ moment
    return form / _n_pairs(len(pairs.moments))


def group_form(pairs: GaussianPairs) -> np.ndarray:
    """Quadratic form of the squared mean of ``d_ij (f_i - f_j)``; as above."""
    n = len(pairs.moments)
    form = np.zeros((pairs.values.shape[1],) * 2)
    for first in range(n):
        for second in range(first):
            forth = pairs.moments[first].T @ pairs.masses[second]
            back = pairs.moments[second].T @ pairs.masses[first]
            form += np.outer(forth - back, forth - back)
    return form / _n_pairs(n)


def _n_pairs(n_groups: int) -> int:
    return max(1, n_groups * (n_groups - 1) // 2)
