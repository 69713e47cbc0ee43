"""What ``import fairlearnkit`` costs beside ``import sklearn``, whole processes."""

import resource
import subprocess
import sys
from functools import partial
from statistics import median

from benchmarks._timing import write

MODULES = ("sklearn", "fairlearnkit", "fairlearnkit.metrics", "fairlearn.metrics")
REPEATS = 15


def spend(module):
    """Processor seconds of a fresh interpreter that imports `module`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


def main():
    """Import in turn; the first turn, which compiles and reads the disk, is dropped."""
    seconds = {module: [] for module in MODULES}
    for _ in range(REPEATS + 1):
        for module, task in {m: partial(spend, m) for m in MODULES}.items():
            seconds[module].append(task())
    middle = {module: median(times[1:]) for module, times in seconds.items()}
    rows = [
        {
            "module": module,
            "cpu_s": middle[module],
            "ratio": middle[module] / middle["sklearn"],
            "target": "<= 1.5" if module == "fairlearnkit" else "-",
        }
        for module in MODULES
    ]
    write("import_cost", about="import in a fresh interpreter", seed=None, rows=rows)
