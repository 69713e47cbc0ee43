"""The warning category of everything that fairlearnkit reports about fairness."""

__all__ = ["FairnessWarning"]


class FairnessWarning(UserWarning):
    """Something that weakens or voids a statement about fairness.

    Raised for a group that is dropped from a constraint, too small to judge, worse off
    than before, or for a constraint that was not reached. Filter on this category to
    turn such warnings into errors::

        warnings.simplefilter("error", FairnessWarning)
    """
