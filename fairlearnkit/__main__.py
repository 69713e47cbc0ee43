"""``python -m fairlearnkit``: the command line."""

from fairlearnkit.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
