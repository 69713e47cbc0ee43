"""Labels of results as the index of a pandas data frame."""

from fairlearnkit._extras import require


def label_index(labels, names, user):
    """Index of a frame with one row for each label; a MultiIndex for several names.

    Parameters
    ----------
    labels : sequence
        Scalars, or tuples with one entry for each name.
    names : sequence of str
    user : str
        Who needs pandas, for the message if it is not installed.
    """
    pandas = require("pandas", extra="pandas", user=user)
    if len(names) > 1:
        return pandas.MultiIndex.from_tuples(list(labels), names=list(names))
    return pandas.Index(list(labels), name=names[0])
