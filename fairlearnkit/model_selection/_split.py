"""Splits into training and test data that keep every group and label on both sides."""

from warnings import warn

import numpy as np
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold
from sklearn.utils import check_random_state, indexable

from fairlearnkit._sklearn import take_rows
from fairlearnkit.exceptions import FairnessWarning
from fairlearnkit.model_selection._strata import Strata, hold_out, sizes_of

_KEYWORDS = ("groups", "sensitive_features")


class BaseSensitiveSplitter(BaseCrossValidator):
    """Base of splitters that stratify on label and group.

    A subclass writes `_folds`, which splits the rows of :class:`Strata`.
    """

    __metadata_request__split = dict.fromkeys(_KEYWORDS, True)

    def get_metadata_routing(self):
        """Requests of this splitter: the groups, unless the constructor names them.

        Returns
        -------
        routing : MetadataRequest
        """
        request = super().get_metadata_routing()
        if self.sensitive_features is not None:
            for name in _KEYWORDS:
                if request.split.requests.get(name) is True:
                    request.split.add_request(param=name, alias=False)
        return request

    def get_n_splits(self, X=None, y=None, groups=None, sensitive_features=None):
        """Number of splits.

        Parameters
        ----------
        X, y, groups, sensitive_features : object
            Ignored.

        Returns
        -------
        n_splits : int
        """
        return self.n_splits

    def split(self, X, y=None, groups=None, sensitive_features=None):
        """Split rows into training and test sets.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        groups, sensitive_features : array-like, Series, data frame or dict, \
                default=None
            The groups, under either name; they win over the columns of X.

        Yields
        ------
        train, test : ndarray of int
            Row numbers.
        """
        if groups is not None and sensitive_features is not None:
            raise ValueError("give groups or sensitive_features, not both.")
        values = sensitive_features if groups is None else groups
        owner = type(self).__name__
        yield from self._folds(
            Strata.of(X, y, self.sensitive_features, values, self.handle_missing, owner)
        )


class SensitiveStratifiedKFold(BaseSensitiveSplitter):
    """K folds that each hold the same share of every group and label.

    scikit-learn's ``StratifiedKFold`` balances labels; a small group can then miss from
    a fold, or be there without positives, and what compares groups is undefined in that
    fold. Here every combination of group and label is dealt to the folds in parts that
    differ by one person at most, and so are the folds as a whole.

    Parameters
    ----------
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups, or a callable on X that returns such names
        or values. None: they are given to :meth:`split` as `groups` (as by
        ``cross_validate(..., groups=values)`` with metadata routing off) or
        `sensitive_features` (as by ``cross_validate(..., params={"sensitive_features":
        values})`` with routing on; both are requested).
    n_splits : int, default=5
        Number of folds, 2 or more.
    shuffle : bool, default=False
        Whether people of a cell are dealt at random. If not, each fold has a block of
        those who follow each other in the data, as in scikit-learn.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffle.
    handle_missing : {"error", "group"}, default="error"
        Whether missing sensitive values are an error or a group of their own.

    Raises
    ------
    ValueError
        If there are fewer people than folds, `y` holds no class labels, or groups are
        neither named nor given, or missing.

    Warns
    -----
    FairnessWarning
        If a group and label has fewer people than there are folds, so that some folds
        have none of them. They are still dealt one by one.

    See Also
    --------
    SensitiveStratifiedShuffleSplit : Random splits of any size.
    train_test_split : One such split of several arrays.

    Notes
    -----
    Of the :math:`n_{ay}` people of group a and label y, each of k folds has
    :math:`\\lfloor n_{ay} / k \\rfloor` or :math:`\\lceil n_{ay} / k \\rceil`.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.model_selection import SensitiveStratifiedKFold
    >>> sex = np.array([0] * 8 + [1] * 4)
    >>> X, y = sex[:, None], np.array([0, 1] * 6)
    >>> folds = SensitiveStratifiedKFold(sensitive_features=0, n_splits=2)
    >>> for train, test in folds.split(X, y):
    ...     print(np.bincount(2 * sex[test] + y[test]))
    [2 2 1 1]
    [2 2 1 1]
    """

    def __init__(
        self,
        sensitive_features=None,
        n_splits=5,
        *,
        shuffle=False,
        random_state=None,
        handle_missing="error",
    ):
        # It checks the three that it shares with this class.
        StratifiedKFold(n_splits, shuffle=shuffle, random_state=random_state)
        self.sensitive_features = sensitive_features
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state
        self.handle_missing = handle_missing

    def _folds(self, strata):
        cells, n_rows = strata.cells, len(strata.cells)
        if n_rows < self.n_splits:
            raise ValueError(
                f"{n_rows} people cannot make {self.n_splits} folds; lower n_splits."
            )
        thin = np.flatnonzero(strata.counts < self.n_splits)
        if len(thin):
            warn(
                f"some of the {self.n_splits} folds have nobody of "
                f"{strata.describe(thin)}, for lack of people.",
                FairnessWarning,
                stacklevel=3,
            )
        # Dealing round robin over the sorted cells balances each cell and the whole.
        order = np.argsort(cells, kind="stable")
        turn = np.arange(n_rows) % self.n_splits
        key = turn
        if self.shuffle:
            key = check_random_state(self.random_state).permutation(n_rows)
        fold = np.empty(n_rows, dtype=np.intp)
        fold[order] = turn[np.lexsort((key, cells[order]))]
        for k in range(self.n_splits):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


class SensitiveStratifiedShuffleSplit(BaseSensitiveSplitter):
    """Random splits in which both sides hold the same share of every group and label.

    Parameters
    ----------
    sensitive_features : str, int, list of these or callable, default=None
        As in :class:`SensitiveStratifiedKFold`.
    n_splits : int, default=10
        Number of splits.
    test_size, train_size : float in (0, 1), int or None, default=None
        Share or number of people on each side. By default a tenth is in the test set
        and the rest in the training set; together less than everybody leaves out some.
    random_state : int, RandomState instance or None, default=None
        Seed of the splits.
    handle_missing : {"error", "group"}, default="error"
        Whether missing sensitive values are an error or a group of their own.

    Raises
    ------
    ValueError
        If a side would be empty, `y` holds no class labels, or groups are neither named
        nor given, or missing.

    Warns
    -----
    FairnessWarning
        If a group and label has too few people to be on both sides.

    See Also
    --------
    train_test_split : One such split of several arrays, and who goes where.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.model_selection import SensitiveStratifiedShuffleSplit
    >>> sex = np.array([0] * 16 + [1] * 8)
    >>> X, y = sex[:, None], np.array([0, 1] * 12)
    >>> splits = SensitiveStratifiedShuffleSplit(
    ...     sensitive_features=0, n_splits=2, test_size=0.25, random_state=0
    ... )
    >>> for train, test in splits.split(X, y):
    ...     print(np.bincount(2 * sex[test] + y[test]))
    [2 2 1 1]
    [2 2 1 1]
    """

    def __init__(
        self,
        sensitive_features=None,
        n_splits=10,
        *,
        test_size=None,
        train_size=None,
        random_state=None,
        handle_missing="error",
    ):
        self.sensitive_features = sensitive_features
        self.n_splits = n_splits
        self.test_size = test_size
        self.train_size = train_size
        self.random_state = random_state
        self.handle_missing = handle_missing

    def _folds(self, strata):
        sizes = sizes_of(len(strata.cells), self.test_size, self.train_size)
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            yield hold_out(strata, sizes, rng)


def train_test_split(
    *arrays,
    sensitive_features=None,
    test_size=None,
    train_size=None,
    random_state=None,
    shuffle=True,
    stratify=None,
    handle_missing="error",
):
    """Split arrays once, with the same share of every group and label on both sides.

    scikit-learn's function of this name, which stratifies on one column, refuses cells
    of one person, and leaves small groups to chance unless they are crossed with the
    label by hand.

    Parameters
    ----------
    *arrays : array-likes, sparse matrices, lists or data frames of n_samples rows
        X first, the labels y second, then anything else of the same people.
    sensitive_features : str, int, list or tuple of these, callable, array, Series, \
            data frame or dict
        The groups: column(s) of the first array, or a callable on it; or their values.
        A list or a tuple names columns. Values only steer the split: to have them split
        too, pass them among the arrays as well.
    test_size, train_size : float in (0, 1), int or None, default=None
        Share or number of people on each side. By default a quarter is in the test set
        and the rest in the training set; together less than everybody leaves out some.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffle.
    shuffle : bool, default=True
        If False, the last people of each cell are the test set, and rows keep their
        order.
    stratify : array-like of shape (n_samples,), default=None
        Class labels to cross with the groups, instead of the second array.
    handle_missing : {"error", "group"}, default="error"
        Whether missing sensitive values are an error or a group of their own.

    Returns
    -------
    splitting : list of 2 * len(arrays)
        Training and test part of each array in turn.

    Raises
    ------
    ValueError
        If lengths differ, a side would be empty, there are no class labels, or groups
        are neither named nor given, or missing.

    Warns
    -----
    FairnessWarning
        If a group and label has too few people to be on both sides; it names the side.

    See Also
    --------
    SensitiveStratifiedShuffleSplit : The same, repeated.

    Notes
    -----
    Sizes are exactly those asked for. Of the :math:`n_{ay}` people of group a and label
    y, the test set has :math:`n_{ay} n_{test} / n` rounded up or down. Who is rounded
    up is decided so that as few cells as possible are on one side only; then by the
    larger remainder. One person alone is in the training set, unless the rest cannot
    fill the test set: nothing can be learnt of a group that is only in the test set,
    and post-processors refuse to predict for it.

    Examples
    --------
    >>> import numpy as np
    >>> from fairlearnkit.model_selection import train_test_split
    >>> sex = np.array(["F"] * 4 + ["M"] * 12)
    >>> X, y = np.arange(16)[:, None], np.array([0, 1] * 8)
    >>> X_train, X_test, y_train, y_test, sex_train, sex_test = train_test_split(
    ...     X, y, sex, sensitive_features=sex, test_size=0.5, random_state=0
    ... )
    >>> sorted(zip(sex_test.tolist(), y_test.tolist()))
    [('F', 0), ('F', 1), ('M', 0), ('M', 0), ('M', 0), ('M', 1), ('M', 1), ('M', 1)]
    """
    if not arrays:
        raise ValueError("train_test_split needs at least one array.")
    if stratify is None and len(arrays) < 2:
        raise ValueError(
            "train_test_split stratifies on the labels: pass them as the second array, "
            "or as stratify."
        )
    arrays = indexable(*arrays)
    named = isinstance(sensitive_features, (str, int, np.integer, list, tuple))
    named = named or callable(sensitive_features)
    strata = Strata.of(
        arrays[0],
        arrays[1] if stratify is None else stratify,
        sensitive_features if named else None,
        None if named else sensitive_features,
        handle_missing,
        "train_test_split",
    )
    if test_size is None and train_size is None:
        test_size = 0.25
    sizes = sizes_of(len(strata.cells), test_size, train_size)
    rng = check_random_state(random_state) if shuffle else None
    parts = hold_out(strata, sizes, rng)
    return [take_rows(array, part) for array in arrays for part in parts]
