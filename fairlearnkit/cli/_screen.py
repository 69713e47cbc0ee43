"""What the terminal shows: the plan, the progress and the table."""

import math
import sys

from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from fairlearnkit.cli._measures import key_of, label_of

__all__ = ["count", "make_progress", "print_notes", "print_plan", "print_table"]

_WIDE = 108  # columns from which an interval fits beside its value
_MOST_GROUPS = 6
_LABELS = {
    "true_positive_rate_parity": "  true positive rates",
    "false_positive_rate_parity": "  false positive rates",
}


def count(number, noun):
    """A number and its noun, as in "1 split"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def make_console():
    """Console of the results."""
    return Console(file=sys.stdout, highlight=False)


def make_progress():
    """Progress bar on stderr, gone when done; none if stderr is not a terminal."""
    console = Console(file=sys.stderr)
    return Progress(
        SpinnerColumn(),
        TextColumn("fitting"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", style="dim"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def print_plan(data, arguments, jobs):
    """Say what is about to be compared."""
    names = " x ".join(data.groups.names)
    groups = [
        f"{label_of(label)}: {count(rows, 'row')}, {share:.1%} positive"
        for label, rows, share in data.group_sizes()
    ]
    if len(groups) > _MOST_GROUPS:
        left = len(groups) - _MOST_GROUPS
        groups = [*groups[:_MOST_GROUPS], f"and {left} more groups"]
    hidden = "hidden from" if arguments.hide_sensitive else "among the features of"
    lines = {
        "data": f"{data.name}, {count(len(data.y), 'row')}, "
        f"{count(data.X.shape[1], 'column')} beside the label",
        "positive": f"{data.labels[1]} ({data.y.mean():.1%})",
        f"by {names}": "\n".join(groups),
        "model": f"{arguments.model}; {names} {hidden} every model",
        "constraint": f"{arguments.constraint}, tolerance {arguments.tolerance:g}",
        "trials": f"{count(arguments.splits, 'split')} x "
        f"{count(len(arguments.methods), 'method')}, {arguments.test_size:.0%} of the "
        f"rows held out, {jobs} at a time",
    }
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in lines.items():
        grid.add_row(Text(name), Text(value))
    console = make_console()
    console.print()
    console.print(grid)
    console.print()


def print_table(summaries, constraints, constraint):
    """Print one column for each method."""
    console = make_console()
    wide = console.width >= _WIDE
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    table.add_column("", overflow="fold")
    for method in summaries:
        table.add_column(method, no_wrap=True)
    columns = list(summaries.values())

    def add(label, cells, style=None):
        cells = [Text(c) if isinstance(c, str) else c for c in cells]
        table.add_row(label, *cells, style=style)

    add("accuracy", [_interval(s, "accuracy", wide) for s in columns])
    add("balanced accuracy", [_number(s["balanced_accuracy"]) for s in columns])
    add("worst group's accuracy", [_number(s["worst_group_accuracy"]) for s in columns])
    add("", [s["worst_group"] for s in columns], style="dim")
    add("disparity between groups", [""] * len(columns), style="dim")
    for measured in constraints:
        key = key_of(measured)
        asked = measured == constraint
        label = _LABELS.get(key, key.replace("_", " ")) + (" *" if asked else "")
        cells = [_interval(s, key, wide) for s in columns]
        add(f" {label}", cells, style="bold" if asked else None)
    add("fit, seconds", [f"{s['fit_seconds']:.1f}" for s in columns])
    console.print(Padding(table, (0, 0, 1, 0)))


def print_notes(lines):
    """Print paragraphs; file names and labels are not markup."""
    console = make_console()
    for line in lines:
        console.print(Text(line), soft_wrap=False)


def _interval(summary, key, wide):
    value, low, high = (summary[f"{key}{end}"] for end in ("", "_low", "_high"))
    ends = f"{_number(low)}-{_number(high)}"
    cell = Text(_number(value))
    return cell.append(f"  {ends}" if wide else f"\n{ends}", style="not bold dim")


def _number(value):
    return "n/a" if math.isnan(value) else f"{value:.3f}"
