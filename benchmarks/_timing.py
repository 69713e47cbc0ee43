"""Processor time by alternating runs, tables in the terminal, results in JSON."""

import gc
import json
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "scikit-learn", "pandas", "fairlearn")


def alternate(
    tasks: dict[str, Callable[[], Any]], repeats: int, *, warm_up: bool = True
) -> dict[str, float]:
    """Run the tasks in turn, `repeats` times; median processor seconds of each.

    Parameters
    ----------
    tasks : dict of callable
    repeats : int
    warm_up : bool, default=True
        Whether to run each task once before, unmeasured.
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(repeats + warm_up):
        for name, task in tasks.items():
            gc.collect()
            start = time.process_time()
            task()
            spent = time.process_time() - start
            if turn or not warm_up:
                seconds[name].append(spent)
    return {name: median(times) for name, times in seconds.items()}


def versions() -> dict[str, str]:
    """Versions of everything that matters to a figure."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def machine() -> str:
    """The kind of processor, in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    models = [line.split(":")[1].strip() for line in lines if "model name" in line]
    return f"{models[0]}, {len(models)} cores" if models else platform.machine()


def show(rows: list[dict]) -> None:
    """Print rows of equal keys as a table."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_cell(row.get(key)) for key in keys] for row in rows]
    widths = [max(map(len, column)) for column in zip(keys, *cells, strict=True)]
    for line in (keys, *cells):
        print("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)))


def write(name: str, *, about: str, seed: Any, rows: list[dict]) -> None:
    """Print the result of a benchmark and keep it as JSON."""
    print(f"\n{name}: {about}")
    show(rows)
    result = {
        "benchmark": name,
        "command": f"python -m benchmarks {name}",
        "about": about,
        "seed": seed,
        "machine": machine(),
        "versions": versions(),
        "rows": [{k: _rounded(v) for k, v in row.items()} for row in rows],
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1) + "\n"
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value
