"""Least loss of the worst group (Diana et al. 2021)."""

import numpy as np
from sklearn.utils import check_random_state

from fairlearnkit._draws import new_salt
from fairlearnkit._mitigator import MitigatorMixin, refuse_frozen, warn_few_rows
from fairlearnkit._sklearn import StrOptions, fit_context
from fairlearnkit.inprocessing._group_losses import (
    AveragedMember,
    log_loss_of,
    report_losses,
    warn_levelled_down,
    warn_small_groups,
)
from fairlearnkit.inprocessing._mixture import Member, MixtureClassifier
from fairlearnkit.inprocessing._worst_group_fit import (
    BOUND_PARAMETERS,
    fit_error,
    fit_smooth_loss,
    warn_not_reached,
)


class MinimaxFairClassifier(MixtureClassifier):
    """Train any classifier so that the group served worst is served as well as can be.

    Nothing is equalised: the greatest error of any group is made as small as what the
    estimator can learn allows, and then, at that level, the overall error. So no group
    is made worse off only to match another. What it costs: overall error, several fits
    of `estimator` and, with ``loss="error"``, a random choice for the people on whom
    the members of the mixture disagree (a salted hash of the row, so that the same row
    always gets the same decision; `expected_proba` is the expectation and
    ``deterministic=True`` avoids it). The group is not needed at prediction.

    Do not use it where one group's labels are merely noisier than those of others: its
    error cannot be brought down, and the effort to do so is paid by everybody else.
    `max_group_loss` or `slack` then limit what is asked. And the errors are those of
    the training data: a model that overfits has none there, and nothing to gain.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier whose `fit` takes `sample_weight`; also a Pipeline
        or an ensemble of such. It is cloned.
    loss : {"error", "log_loss"}, default="error"
        The loss of a group: the share of wrong decisions, or the mean negative log
        likelihood. With the latter the members' probabilities are averaged, which is
        never worse than a draw, and nothing is random.
    max_group_loss : float, default=None
        If given, minimise the overall loss while no group loses more than this; the
        least such bound is used, with a warning, if this one is out of reach.
    slack : float, default=0
        How much above the least worst-group loss any group may lose, for the sake of
        the overall loss. Ignored if `max_group_loss` is given.
    sensitive_features : str, int, list of these or callable, default=None
        Column(s) of X that hold the groups. If None, pass the values to `fit`.
    drop_sensitive : bool, default=False
        Whether to hide the sensitive columns from `estimator`.
    thresholds : bool, default=True
        Whether the mixture may cut a fitted binary model's score at another threshold
        than its own; for ``loss="error"``.
    deterministic : bool, default=False
        Whether to use the best single classifier found instead of the mixture.
    max_iter : int, default=100
        Most fits of `estimator`.
    tol : float, default=0.001
        Gap between the loss and its lower bound at which to stop, as a share of the
        plain model's worst-group loss.
    handle_missing : {"error", "group"}, default="error"
        Whether a missing sensitive value is an error or a group of its own.
    random_state : int, RandomState instance or None, default=0
        Draws the salt of the hash that realises the mixture.

    Attributes
    ----------
    estimators_ : list of classifier
        The fitted members of the mixture.
    thresholds_ : list of float or None
        Threshold of each member's score; None where the member decides by itself.
    weights_ : ndarray of shape (n_members,)
        Probabilities of the members; ``[1.]`` where they are averaged.
    member_weights_ : ndarray of shape (n_members,)
        Share of each member, in a draw or an average.
    group_report_ : GroupLosses
        Each group's expected loss before, by the plain model, and after.
    worst_group_loss_ : float
        Expected loss of the worst group on the training data.
    loss_ : float
        Expected overall loss on the training data.
    gap_ : float
        Least worst-group loss found, less its lower bound; 0 where the plain model
        meets the bound. The lower bound is certified relative to the estimator: no
        classifier that it returned does better at the weights it was asked at.
    n_iter_ : int
        Number of fits of `estimator`.
    groups_ : tuple
        Label of each group.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of X, if it has names.

    See Also
    --------
    MinimaxFairRegressor : The same for numbers.
    GroupDROClassifier : The exact answer for a linear model and the logistic loss.
    ReductionClassifier : Bounds differences between groups instead.

    Notes
    -----
    With the mean loss :math:`\\ell_g(h)` of group g, the mixture Q solves

    .. math:: v = \\min_Q \\max_g \\; \\mathbb E_{h \\sim Q}\\, \\ell_g(h),

    and then, over the classifiers known,

    .. math:: \\min_Q \\mathbb E_{h \\sim Q}\\, \\ell(h) \\quad
       \\text{subject to} \\quad
       \\mathbb E_{h \\sim Q}\\, \\ell_g(h) \\le v + \\text{slack for every } g.

    Both are linear programs whose dual prices weigh the groups for the next fit. The
    second is a step towards the lexicographic minimax, which would go on to the second
    worst group; it rules out that all groups could gain at once.

    References
    ----------
    Diana, Gill, Kearns, Kenthapadi, Roth, "Minimax group fairness: algorithms and
    experiments", AIES 2021. :doi:`10.1145/3461702.3462523`

    Martinez, Bertran, Sapiro, "Minimax Pareto fairness: a multi objective perspective",
    ICML 2020. :doi:`10.48550/arXiv.2011.01821`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.inprocessing import MinimaxFairClassifier
    >>> rng = np.random.default_rng(0)
    >>> group = (rng.random(2000) < 0.2).astype(int)
    >>> X = np.column_stack([rng.normal(size=(2000, 2)), group])
    >>> y = np.where(group == 1, X[:, 1], X[:, 0]) + rng.normal(size=2000) / 2 > 0
    >>> model = MinimaxFairClassifier(LogisticRegression(), sensitive_features=2)
    >>> report = model.fit(X, y).group_report_
    >>> report.before.round(2), report.after.round(2)
    (array([0.18, 0.42]), array([0.27, 0.27]))
    """

    _parameter_constraints: dict = {
        **MitigatorMixin._parameter_constraints,
        **BOUND_PARAMETERS,
        "loss": [StrOptions({"error", "log_loss"})],
        "thresholds": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        loss="error",
        max_group_loss=None,
        slack=0.0,
        sensitive_features=None,
        drop_sensitive=False,
        thresholds=True,
        deterministic=False,
        max_iter=100,
        tol=0.001,
        handle_missing="error",
        random_state=0,
    ):
        self.estimator = estimator
        self.loss = loss
        self.max_group_loss = max_group_loss
        self.slack = slack
        self.sensitive_features = sensitive_features
        self.drop_sensitive = drop_sensitive
        self.thresholds = thresholds
        self.deterministic = deterministic
        self.max_iter = max_iter
        self.tol = tol
        self.handle_missing = handle_missing
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, **fit_params):
        """Train classifiers at weights of the groups until the gap closes.

        Parameters
        ----------
        X : array-like, sparse matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels.
        sensitive_features : array-like, Series or data frame, default=None
            The groups; wins over the constructor's columns.
        sample_weight : array-like of shape (n_samples,), default=None
            The user's own weights.
        **fit_params : dict
            Passed on to the estimator's `fit`.

        Returns
        -------
        self : MinimaxFairClassifier

        Raises
        ------
        ValueError
            If there are no groups, the estimator is frozen or takes no weights, or has
            no `predict_proba` under ``loss="log_loss"``.
        """
        refuse_frozen(self)
        if self.loss == "log_loss" and not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                f"loss='log_loss' needs probabilities, but "
                f"{type(self.estimator).__name__} has no predict_proba."
            )
        data = self._check_fit_data(X, y, sensitive_features, sample_weight)
        warn_small_groups(data)
        features = self._features(data.X)
        given = (features, data, sensitive_features, fit_params)
        if self.loss == "error":
            found, members, plain = fit_error(self, *given)
        else:
            classes = data.classes

            def loss(model, X, values):
                member = Member(model, classes, None, None)
                return log_loss_of(member.predict_proba(X, values), data.y)

            found, models = fit_smooth_loss(self, *given, loss, negligible=1e-12)
            plain = Member(models[0], classes, None, None)
            members = [
                Member(models[column], classes, None, None)
                for column in found.mixture.columns
            ]
        self.classes_, self.groups_ = data.classes, data.groups.labels
        self.n_iter_, self.gap_ = found.n_fits, found.gap
        self._keep(members, found.mixture.weights)
        self._report(plain, features, data, sensitive_features)
        self._salt = new_salt(check_random_state(self.random_state))
        warn_not_reached(self, found)
        if len(self._members) > 1:
            warn_few_rows(data)
        return self

    def _keep(self, members, weights):
        self.estimators_ = [member.estimator for member in members]
        self.thresholds_ = [member.threshold for member in members]
        self.member_weights_ = self.weights_ = weights
        self._members = members
        if self.loss == "log_loss" and len(members) > 1:
            self._members = [AveragedMember(members, weights, self.classes_)]
            self.weights_ = np.ones(1)

    def _report(self, plain, X, data, sensitive_features):
        def losses(member):
            if self.loss == "log_loss":
                return log_loss_of(member.predict_proba(X, sensitive_features), data.y)
            return (member.predict(X, sensitive_features) != data.labels).astype(float)

        after = np.tensordot(self.weights_, [losses(m) for m in self._members], axes=1)
        name = "error rate" if self.loss == "error" else "log loss"
        self.group_report_ = report_losses(name, losses(plain), after, data)
        self.worst_group_loss_ = self.group_report_.worst_after
        self.loss_ = float(np.average(after, weights=data.weight))
        warn_levelled_down(self.group_report_)
