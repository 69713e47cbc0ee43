"""The command line: ``fairlearnkit compare``.

Nothing heavy is imported before the arguments are known to be good, so that ``--help``
and ``--version`` answer at once and need none of the extra's packages.
"""

import sys
from importlib import import_module

from fairlearnkit.cli._arguments import PROGRAM, make_parser
from fairlearnkit.cli._errors import InputError

__all__ = ["main"]

_EXTRA = ("matplotlib", "pandas", "rich")


def main(argv=None):
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments without the program's name; by default those of the process.

    Returns
    -------
    code : int
        0 if all went well.

    Raises
    ------
    SystemExit
        With code 2 and one sentence on stderr for bad input, and 130 for an interrupt.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # labels may not fit the terminal's encoding
            stream.reconfigure(errors="replace")
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        _require_extra()
        import_module("fairlearnkit.cli._compare").compare(arguments)
    except InputError as error:
        _stop(f"error: {error}", 2)
    except KeyboardInterrupt as interrupt:
        _stop(str(interrupt) or "interrupted; nothing was finished.", 130)
    return 0


def _require_extra():
    missing = []
    for name in _EXTRA:
        try:
            import_module(name)
        except ImportError:
            missing.append(name)
    if missing:
        raise InputError(
            f"this command needs {' and '.join(missing)}; install them with: "
            'pip install "fairlearnkit[cli]"'
        )


def _stop(message, code):
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    raise SystemExit(code)
