"""What thresholds give each group and take from it, read off the score table."""

import numpy as np

from fairlearnkit.postprocessing._group_report import GroupReport


def report_thresholds(table, rules, plain, goal, cells, groups):
    """Mean utility of each group, at the plain model's threshold and under its rule.

    Between two thresholds everybody with the same label fares alike, so a few sums
    over ranges of the table replace the people.

    Parameters
    ----------
    table : ScoreTable, by cell
    rules : sequence of GroupRule, one a cell
    plain : float
        Threshold of the plain model.
    goal : Goal
        Whose `group_gain` is the utility.
    cells : Cells
        What the table's groups are.
    groups : Groups

    Returns
    -------
    report : GroupReport
    """
    parts = [
        _pieces(table, cell, rule, plain, goal.group_gain)
        for cell, rule in enumerate(rules)
    ]
    sizes = [len(part) for part in parts]
    code = np.repeat(cells.members, sizes)
    weight, square, before, change = np.concatenate(parts).T

    def sums(values):
        return np.bincount(code, weights=values, minlength=len(groups))

    mass = sums(weight)
    mean = sums(weight * change) / mass
    spread = sums(square * (change - mean[code]) ** 2)
    start = sums(weight * before) / mass
    return GroupReport(
        utility=goal.utility,
        groups=groups.labels,
        names=groups.names,
        n=mass**2 / sums(square),
        before=start,
        after=start + mean,
        error=np.sqrt(spread) / mass,
    )


def _pieces(table, cell, rule, plain, gain):
    """Rows of (weight, squared weights, utility before, its change), people alike."""
    rows = table.rows(cell)
    scores = table.scores[rows]
    cuts = np.unique([plain, *rule.thresholds])
    places = np.searchsorted(scores, cuts, side="right")
    starts = np.unique([0, *places[places < len(scores)]])
    weights = np.add.reduceat(table.weights[rows], starts, axis=0)
    squares = np.add.reduceat(table.squares[rows], starts, axis=0)
    lowest = scores[starts]
    selected = (lowest > plain).astype(float)
    moved = rule.probability(lowest) - selected
    step = gain[:, 1] - gain[:, 0]
    before = gain[:, 0] + selected[:, None] * step
    change = moved[:, None] * step
    table_of = (weights, squares, before, change)
    return np.column_stack([part.ravel() for part in table_of])
