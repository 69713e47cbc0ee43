"""Names of groups as a picture can show them: wrapped, shortened, still distinct."""

import re
from collections import Counter
from textwrap import wrap

_UNNAMED = re.compile(r"sensitive_features?(_\d+)?")
_WIDTH, _MOST_LINES = 26, 2


def full_name(label):
    """Name a group in full, as in "female, Black"."""
    return ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)


def short_names(labels, width=_WIDTH):
    """Wrap names on two lines at most; those that would look alike are kept whole.

    Parameters
    ----------
    labels : sequence
        Labels of groups: scalars, or tuples of them.
    width : int, default=26
        Letters on a line.

    Returns
    -------
    names : list of str
        Dollar signs are escaped, which would start a formula.
    """
    full = [full_name(label) for label in labels]
    short = [_wrapped(name, width, max_lines=_MOST_LINES) for name in full]
    count = Counter(short)
    names = [
        name if count[name] == 1 else _wrapped(whole, width)
        for name, whole in zip(short, full, strict=True)
    ]
    return [name.replace("$", r"\$") for name in names]


def heading(names):
    """Name the sensitive columns, "group" where nobody did."""
    named = [name for name in names if not _UNNAMED.fullmatch(str(name))]
    return ", ".join(map(str, named)).replace("$", r"\$") or "group"


def people(n):
    """Write a number of people; an effective one has a fraction.

    Examples
    --------
    >>> people(1200.0), people(96.4)
    ('n = 1200', 'eff. n = 96')
    """
    plain = float(n).is_integer()
    return f"n = {n:.0f}" if plain else f"eff. n = {n:.0f}"


def positive_name(pos_label):
    """Name the positive label for an axis, unless it is the usual one."""
    if pos_label is None or pos_label == 1:
        return ""
    return f" (positive: {pos_label})".replace("$", r"\$")


def _wrapped(name, width, **options):
    lines = wrap(name, width, placeholder="\N{HORIZONTAL ELLIPSIS}", **options)
    return "\n".join(lines) or "''"
