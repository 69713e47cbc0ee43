"""The warning categories of everything that fairlearnkit reports about fairness."""

from collections.abc import Sequence

__all__ = ["FairnessWarning", "LevellingDownWarning", "shortlist"]


class FairnessWarning(UserWarning):
    """Something that weakens or voids a statement about fairness.

    Raised for a group that is dropped from a constraint, too small to judge, worse off
    than before, or for a constraint that was not reached. Filter on this category to
    turn such warnings into errors::

        warnings.simplefilter("error", FairnessWarning)
    """


class LevellingDownWarning(FairnessWarning):
    """Some group is served worse than by the plain model, for the sake of parity.

    Whether that is justified is not a statistical question; `group_report_` of the
    mitigator says who loses and how much.
    """


def shortlist(names: Sequence[str], most: int = 6) -> str:
    """Join names for a message, and count those beyond the first few.

    Examples
    --------
    >>> from fairlearnkit.exceptions import shortlist
    >>> shortlist(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
