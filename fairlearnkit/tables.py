"""What happened to whom: small additive tables, the only thing fairness needs of data.

:class:`GroupCounts` counts (group, true label, predicted label) and carries every rate;
:class:`ScoreTable` counts (group, true label, score) and carries every threshold rule
and every measure of a ranking or of calibration; :class:`MomentTable` sums numbers by
group and carries every mean. They add up, so that chunks, files or machines are
counted apart and merged with ``+``.
"""

from fairlearnkit._group_counts import GroupCounts
from fairlearnkit._moment_table import MomentTable
from fairlearnkit._score_table import ScoreTable

__all__ = ["GroupCounts", "MomentTable", "ScoreTable"]
