"""Run benchmarks by name: ``python -m benchmarks NAME [NAME ...]``."""

import sys
from importlib import import_module

NAMES = (
    "speed_metrics",
    "speed_frame",
    "speed_thresholds",
    "speed_logistic",
    "speed_reductions",
    "speed_prejudice",
    "fair_regression",
    "worst_group",
    "calders",
    "inprocessing_peers",
    "thresholds_peers",
    "reduction_adult",
    "held_out_odds",
    "parity_adult",
    "import_cost",
    "coverage",
    "coverage_numbers",
    "coverage_scores",
)


def main(names: list[str]) -> int:
    """Run the benchmarks named, or list all; the exit code."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; choose from {', '.join(NAMES)}.")
        return 2
    for name in NAMES if not names else ():
        about = import_module(f"benchmarks.{name}").__doc__.splitlines()[0]
        print(f"{name:<17} {about}")
    for name in names:
        import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
