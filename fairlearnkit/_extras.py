"""Optional packages: imported when they are needed, or named with their extra."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["require"]


def require(module: str, *, extra: str, user: str) -> ModuleType:
    """Import an optional package for `user`, or say which extra brings it.

    Parameters
    ----------
    module : str
        Dotted name, as in "matplotlib.pyplot".
    extra : str
        The extra of this package that installs it.
    user : str
        Who needs it, for the message.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        package = module.split(".")[0]
        raise ImportError(
            f"{user} needs {package}, which is not installed: "
            f'pip install "fairlearnkit[{extra}]".'
        ) from None
