"""Decisions and probabilities of rules that are mixtures of thresholds."""

import numpy as np
from scipy.special import expit

from fairlearnkit._draws import row_uniforms
from fairlearnkit._groups import resolve_groups
from fairlearnkit._mitigator import threshold_margin
from fairlearnkit._solvers.goals import pooled_rule
from fairlearnkit.tables import ScoreTable


class ThresholdRulesMixin:
    """Predictions of a post-processor that has fitted `rules_`, one a cell.

    A cell is a group or, with `control_features`, a stratum and a group.
    """

    def predict(self, X, *, sensitive_features=None):
        """Decide by the threshold that each row's group, and its hash, draw.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        sensitive_features : array-like, Series or data frame, default=None
            The groups, if the constructor names no column.

        Returns
        -------
        labels : ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If the groups are not given, or one was not seen in `fit` under
            ``handle_unknown="error"``.
        """
        positive = self.decision_function(X, sensitive_features=sensitive_features) > 0
        return self.classes_[positive.astype(int)]

    def predict_proba(self, X, *, sensitive_features=None):
        """Probabilities whose odds are shifted such that 0.5 lies at the threshold.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
        """
        decision = self.decision_function(X, sensitive_features=sensitive_features)
        positive = expit(decision)
        return np.column_stack([1 - positive, positive])

    def decision_function(self, X, *, sensitive_features=None):
        """Distance of the score from the row's threshold; in log odds if a probability.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            Positive where the positive class is predicted.
        """
        X, scores, codes = self._score_groups(X, sensitive_features)
        thresholds = np.empty(len(scores))
        mixed = any(len(rule.thresholds) > 1 for rule in self.rules_.values())
        uniform = row_uniforms(X, self._salt) if mixed else np.zeros(len(scores))
        for code, rule in self._coded_rules(codes):
            rows = codes == code
            thresholds[rows] = rule.draw(uniform[rows])
        return threshold_margin(
            scores, thresholds, self.response_method_ == "predict_proba"
        )

    def expected_proba(self, X, *, sensitive_features=None):
        """Probability of each decision, over the draw of the threshold.

        Parameters
        ----------
        X, sensitive_features
            As in `predict`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, 2)
            0 or 1 wherever the rule is not a mixture.
        """
        X, scores, codes = self._score_groups(X, sensitive_features)
        positive = np.empty(len(scores))
        for code, rule in self._coded_rules(codes):
            rows = codes == code
            positive[rows] = rule.probability(scores[rows])
        return np.column_stack([1 - positive, positive])

    def _strata(self, X):
        """Strata of the rows of X, or None."""
        if self.control_features is None:
            return None
        return resolve_groups(
            X,
            spec=self.control_features,
            handle_missing=self.handle_missing,
            owner=type(self).__name__,
            role="control feature",
        )

    def _score_groups(self, X, sensitive_features):
        X, codes = self._locate(X, sensitive_features)
        if self.strata_ is not None:
            codes = self._cell_codes(codes, self._strata(X))
        scores = self._scores(self._features(X), sensitive_features)
        return X, ScoreTable.quantize(scores), codes

    def _cell_codes(self, codes, strata):
        places = strata.encode(self.strata_, handle_unknown=self.handle_unknown)
        cells = np.where((codes < 0) | (places < 0), -1, self._cells[places, codes])
        if self.handle_unknown == "error" and (cells < 0).any():
            row = int(np.flatnonzero(cells < 0)[0])
            raise ValueError(
                f"group {self.groups_[codes[row]]!r} was not seen in stratum "
                f"{self.strata_[places[row]]!r} during fit; fit on data that has it, "
                "or choose handle_unknown='pooled'."
            )
        return cells

    def _coded_rules(self, codes):
        yield from enumerate(self.rules_.values())
        if (codes < 0).any():
            yield -1, pooled_rule(self.table_, self._goal)
