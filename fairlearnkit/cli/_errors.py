"""What the user, not the program, has to mend."""

__all__ = ["InputError", "one_line"]


class InputError(Exception):
    """Bad input, told in one sentence."""


def one_line(error):
    """Message of an exception on one line."""
    return " ".join(str(error).split()) or type(error).__name__
