"""The picture of a frontier: objective against violation."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fairlearnkit._extras import require
from fairlearnkit.constraints import as_constraint

# Colours that differ for every kind of sight (Okabe and Ito); markers differ too, and
# there is one more of them, so that 56 families look different.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
_USER = "FairnessFrontierDisplay.plot"
_MOST_LETTERS = 48
_MOST_NAMED = 12
_CROWDED = (22, 12)  # points between two numbers that can still be read


class FairnessFrontierDisplay:
    """Objective against violation: every candidate, the front, and the pick.

    Points further left are nearer to parity and points further up do better; nobody
    lies up and left of the front, which is drawn as a staircase: the best objective
    that is there within each bound on the violation. Bars are intervals of each
    candidate alone, so that neighbours on the front are often within each other's bars.
    Points off the front are pale.

    Create it with :meth:`from_estimator`.

    Parameters
    ----------
    violation, violation_low, violation_high : ndarray of shape (n_candidates,)
        Of each candidate, with its interval.
    objective, objective_low, objective_high : ndarray of shape (n_candidates,)
        The same of the objective.
    front : ndarray of int
        Candidates on the front, by ascending violation.
    best_index : int
        The candidate picked.
    families, names : sequence of n_candidates str
        A family shares its colour and marker; names are listed beside the picture.
    violation_label, objective_label : str
        Labels of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    front_line_ : matplotlib Line2D
        The staircase.
    points_ : dict
        The markers of each family.

    See Also
    --------
    FairnessFrontier : What is drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fairlearnkit.model_selection import (
    ...     FairnessFrontier,
    ...     FairnessFrontierDisplay,
    ... )
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> frontier = FairnessFrontier(
    ...     [(LogisticRegression(), {"C": [0.01, 1.0]})],
    ...     sensitive_features=lambda X: X[:, 1] > 0,
    ... )
    >>> display = FairnessFrontierDisplay.from_estimator(frontier.fit(X, X[:, 0] > 0))
    >>> display.ax_.get_ylabel()
    'accuracy on held-out rows'
    """

    def __init__(
        self,
        *,
        violation,
        violation_low,
        violation_high,
        objective,
        objective_low,
        objective_high,
        front,
        best_index,
        families,
        names,
        violation_label="violation",
        objective_label="objective",
    ):
        self.violation = violation
        self.violation_low = violation_low
        self.violation_high = violation_high
        self.objective = objective
        self.objective_low = objective_low
        self.objective_high = objective_high
        self.front = front
        self.best_index = best_index
        self.families = families
        self.names = names
        self.violation_label = violation_label
        self.objective_label = objective_label

    @classmethod
    def from_estimator(cls, frontier, *, ax=None, intervals="all", legend=True):
        """Draw a fitted frontier.

        Parameters
        ----------
        frontier : FairnessFrontier
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; by default in a new figure.
        intervals : {"all", "front", "none"}, default="all"
            Whose intervals are drawn.
        legend : bool, default=True
            Whether to name families, front and pick to the right of the axes.

        Returns
        -------
        display : FairnessFrontierDisplay
        """
        check_is_fitted(frontier)
        results = frontier.results_
        constraint = as_constraint(frontier.constraint)
        form = "1 - min / max" if constraint.compare == "ratio" else "difference"
        what = constraint.name.replace("_", " ")
        objective = frontier.objective
        aim = objective.replace("_", " ") if isinstance(objective, str) else "objective"
        display = cls(
            violation=results["violation"],
            violation_low=results["violation_low"],
            violation_high=results["violation_high"],
            objective=results["mean_objective"],
            objective_low=results["objective_low"],
            objective_high=results["objective_high"],
            front=frontier.front_,
            best_index=frontier.best_index_,
            families=results["family"],
            names=results["name"],
            violation_label=f"violation of {what} on held-out rows ({form})",
            objective_label=f"{aim} on held-out rows",
        )
        return display.plot(ax=ax, intervals=intervals, legend=legend)

    def plot(self, ax=None, *, intervals="all", legend=True):
        """Draw.

        Parameters
        ----------
        ax, intervals, legend
            As in :meth:`from_estimator`.

        Returns
        -------
        display : FairnessFrontierDisplay
        """
        if intervals not in ("all", "front", "none"):
            raise ValueError(
                f"intervals must be 'all', 'front' or 'none', got {intervals!r}."
            )
        pyplot = require("matplotlib.pyplot", extra="plot", user=_USER)
        if not len(self.front) or np.isnan(self.violation[self.front]).any():
            raise ValueError("no candidate has a violation, so there is no front.")
        if ax is None:
            lines = len(set(self.families)) + min(len(self.front), _MOST_NAMED) + 3
            size = 10, max(5, 0.22 * lines)  # the legend needs its height
            _, ax = pyplot.subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        self._draw_points(ax, intervals)
        self._draw_front(ax)
        ax.set_xlabel(self.violation_label)
        ax.set_ylabel(self.objective_label)
        ax.grid(color="0.93")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
        if legend:
            options = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
            ax.legend(frameon=False, fontsize="small", **options)
        self._draw_numbers(ax)
        return self

    def _draw_points(self, ax, intervals):
        families = list(dict.fromkeys(self.families))
        on_front = np.isin(np.arange(len(self.violation)), self.front)
        self.points_ = {}
        for number, family in enumerate(families):
            color = _COLORS[number % len(_COLORS)]
            style = {"color": color, "marker": _MARKERS[number % len(_MARKERS)]}
            own = np.array([name == family for name in self.families])
            for rows, alpha in ((own & ~on_front, 0.3), (own & on_front, 1.0)):
                shown = intervals == "all" or (intervals == "front" and alpha == 1)
                if shown:
                    self._draw_intervals(ax, rows, color, alpha)
                x, y = self.violation[rows], self.objective[rows]
                ax.plot(x, y, ls="", ms=7, mew=0, alpha=alpha, **style)
            (self.points_[family],) = ax.plot(
                [], [], ls="", ms=7, label=_shorten(family), **style
            )

    def _draw_intervals(self, ax, rows, color, alpha):
        x, y = self.violation[rows], self.objective[rows]
        x_error = x - self.violation_low[rows], self.violation_high[rows] - x
        y_error = y - self.objective_low[rows], self.objective_high[rows] - y
        x_error, y_error = np.maximum(x_error, 0), np.maximum(y_error, 0)
        options = {"ecolor": color, "elinewidth": 1, "alpha": 0.5 * alpha}
        ax.errorbar(x, y, y_error, x_error, fmt="none", zorder=1, **options)

    def _draw_front(self, ax):
        x, y = self.violation[self.front], self.objective[self.front]
        right = max(ax.get_xlim()[1], x[-1])
        (self.front_line_,) = ax.step(
            [*x, right], [*y, y[-1]], where="post", color="0.35", lw=1.2, label="front"
        )
        ax.set_xlim(min(ax.get_xlim()[0], -0.02 * right), right)
        named = self.front[:_MOST_NAMED].tolist()
        for number, i in enumerate(named, 1):
            ax.plot([], [], ls="", label=f"{number}  {_shorten(self.names[i])}")
        if more := len(self.front) - len(named):
            ax.plot([], [], ls="", label=f"and {more} more, without a number")
        best = self.best_index
        number = f"{named.index(best) + 1}, " if best in named else ""
        ax.plot(
            self.violation[best],
            self.objective[best],
            ls="",
            marker="o",
            ms=15,
            mfc="none",
            mec="black",
            mew=1.5,
            label=f"picked: {number}{_shorten(self.names[best])}",
        )

    def _draw_numbers(self, ax):
        """Number the front as the legend does; close neighbours share a place."""
        effects = require("matplotlib.patheffects", extra="plot", user=_USER)
        halo = effects.withStroke(linewidth=2.5, foreground="white")
        self.figure_.draw_without_rendering()  # settles where points lie on the screen
        front = self.front[:_MOST_NAMED]
        places = np.column_stack([self.violation[front], self.objective[front]])
        screen = ax.transData.transform(places) * 72 / self.figure_.dpi
        start = 0
        for end in range(1, len(front) + 1):
            if end < len(front) and (screen[end] - screen[start] < _CROWDED).all():
                continue
            many = end > start + 1
            ax.annotate(
                f"{start + 1}-{end}" if many else str(end),
                places[start],
                xytext=(-6, 4),
                textcoords="offset points",
                ha="right",
                fontsize="small",
                zorder=5,
                path_effects=[halo],
            )
            start = end


def _shorten(name):
    """Keep the two ends of a long name."""
    if len(name) <= _MOST_LETTERS:
        return name
    half = (_MOST_LETTERS - 3) // 2
    return f"{name[:half]}...{name[-half:]}"
