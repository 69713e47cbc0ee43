"""How groups reach scorers and splitters: from a column of X, or by metadata."""

import numpy as np
from sklearn import get_config
from sklearn.utils.metadata_routing import MetadataRequest

from fairlearnkit._groups import resolve_groups

_ROWS = ("sample_weight", "sensitive_features")


def read_groups(X, spec, values, handle_missing, owner):
    """Groups of the rows of X, from the values if they are given, else by the spec."""
    if values is None and spec is None:
        raise ValueError(
            f"{owner} needs to know the groups: name their column, as in "
            f"{owner}(..., sensitive_features='sex'), or hand it their values; a "
            "search or a cross-validation does so with metadata routing on "
            "(sklearn.set_config(enable_metadata_routing=True)), as in "
            "cross_validate(..., params={'sensitive_features': values})."
        )
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    return resolve_groups(
        X,
        spec=spec,
        sensitive_features=values,
        handle_missing=handle_missing,
        owner=owner,
    )


class GroupScorer:
    """Base of the scorers here: what they ask of metadata routing.

    A scorer that names no column asks for `sensitive_features` by itself; one that
    does asks for nothing.

    Parameters
    ----------
    sensitive_features : str, int, list of these, callable or None
        Column(s) of X.
    """

    def __init__(self, sensitive_features):
        self.sensitive_features = sensitive_features
        self._requests = {"sensitive_features": sensitive_features is None}

    def get_metadata_routing(self):
        """Requests of this scorer.

        Returns
        -------
        routing : MetadataRequest
        """
        request = MetadataRequest(owner=repr(self))
        if self._accept_sample_weight():
            request.score.add_request(param="sample_weight", alias=None)
        for name, alias in self._requests.items():
            request.score.add_request(param=name, alias=alias)
        return request

    _get_metadata_request = get_metadata_routing  # its name for scikit-learn < 1.8

    def set_score_request(self, **requests):
        """Say which metadata the scorer takes, and under which name.

        Parameters
        ----------
        **requests : bool, None or str
            For `sensitive_features` and `sample_weight`, as in scikit-learn. What is
            not named here stays as it is.

        Returns
        -------
        self : object
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "This method is only available when metadata routing is enabled. You "
                "can enable it using sklearn.set_config(enable_metadata_routing=True)."
            )
        if unknown := sorted(set(requests) - set(_ROWS)):
            raise ValueError(f"{self!r} takes only {list(_ROWS)}, not {unknown}.")
        self._requests = {**self._requests, **requests}
        return self
