"""Who has the positive one of the labels of any column."""

from fairlearnkit._columns import as_column
from fairlearnkit._factorize import factorize
from fairlearnkit._vocabulary import check_class_labels
from fairlearnkit.metrics._people import positive_codes


def positive_mask(values, name, pos_label=None):
    """Tell for every row whether its label is the positive one.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
        Labels; `name` says in messages whose they are.
    pos_label : int, float, bool or str, default=None
        By default 1, if the labels are in {0, 1} or {-1, 1}. One of more than two
        labels has to be named.

    Returns
    -------
    positive : bool ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If a label is missing or continuous, or it is open which one is positive.
    """
    values = as_column(values, name)
    codes, labels = factorize(values, name)
    check_class_labels(name, labels)
    if len(labels) <= 2:
        return positive_codes(values, pos_label)[0].astype(bool)
    if pos_label not in labels:
        raise ValueError(
            f"{name} holds the labels {labels}, so pos_label must name one of them."
        )
    return codes == labels.index(pos_label)
