"""People who may change groups, and how they do so at random."""

import numpy as np

from fairlearnkit._columns import split_columns
from fairlearnkit._factorize import factorize, to_numpy
from fairlearnkit._vocabulary import check_lengths, check_weight, positions
from fairlearnkit.metrics._people import People


class CountedPeople(People):
    """People who remember which two columns of labels a table was counted of.

    Their `groups` are :class:`Groups`, and their labels are arrays.
    """

    def _counted(self, first, second):
        self.columns = first, second
        return super()._counted(first, second)


def gather(y_true, y_pred, sensitive_features, sample_weight):
    """Resolve groups, and check lengths, weights and the order of rows.

    Returns
    -------
    people : CountedPeople
    """
    people = People(y_true, y_pred, sensitive_features, sample_weight)
    people.check_row_order()
    n_rows = len(people.groups.codes)
    columns = {"y_true": to_numpy(people.y_true), "y_pred": to_numpy(people.y_pred)}
    check_lengths(n_rows, **columns)
    weight = check_weight(sample_weight, n_rows)
    return CountedPeople(*columns.values(), people.groups, weight)


def take_people(people, rows):
    """Keep some rows, and only the groups that occur in them."""
    weight = people.sample_weight
    return CountedPeople(
        people.y_true[rows],
        people.y_pred[rows],
        people.groups.take(rows),
        None if weight is None else weight[rows],
    )


def strata_of(within, people):
    """Code the strata within which people may change groups; None if there are none."""
    if within is None:
        return None
    if isinstance(within, str):
        if within != "y_true":
            raise ValueError(
                f"within must be 'y_true' or one value a row, got {within!r}."
            )
        return factorize(people.y_true, "y_true")[0]
    return code_rows(within, "within", len(people.groups.codes))


def code_rows(values, what, n_rows):
    """Number the distinct rows of some columns.

    Parameters
    ----------
    values : array-like, Series, data frame or dict of n_rows rows
    what : str
        Name of the argument, for messages.
    n_rows : int
    """
    numbers = 0
    for name, column in split_columns(values, what):
        codes, labels = factorize(column, f"column {name!r} of {what}")
        if len(codes) != n_rows:
            raise ValueError(
                f"{what} has {len(codes)} rows but there are {n_rows} people; pass one "
                "value per row."
            )
        numbers = numbers * len(labels) + codes
    return numbers


def cells_of(people, classes):
    """Places of both labels of each row among the classes of the table."""
    coded = [factorize(column, "labels") for column in people.columns]
    return np.stack([positions(found, classes)[codes] for codes, found in coded], 1)


def permuted_codes(codes, strata, n_draws, rng):
    """Permute codes of groups, within strata if there are any.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
    strata : int ndarray of shape (n_samples,), or None
    n_draws : int
    rng : Generator

    Yields
    ------
    codes : ndarray of shape (n_samples,)
    """
    if strata is None:
        strata = np.zeros(len(codes), dtype=np.intp)
    order = np.argsort(strata, kind="stable")
    ends = np.flatnonzero(np.diff(strata[order])) + 1
    stretches = np.split(codes[order], ends)
    for _ in range(n_draws):
        permuted = np.empty_like(codes)
        permuted[order] = np.concatenate([rng.permutation(s) for s in stretches])
        yield permuted
