"""``fairlearnkit compare``: a plain model and the mitigators on the same splits."""

from functools import reduce
from operator import add

from fairlearnkit.cli._arguments import METHODS
from fairlearnkit.cli._data import load_data, make_splits, sample_rows
from fairlearnkit.cli._errors import InputError, one_line
from fairlearnkit.cli._files import (
    PICTURE,
    ROWS,
    SUMMARY,
    RowFile,
    open_folder,
    write_summary,
)
from fairlearnkit.cli._measures import measured, rates_of, summarise
from fairlearnkit.cli._methods import build_model, check_model
from fairlearnkit.cli._picture import draw_picture
from fairlearnkit.cli._screen import (
    count,
    make_progress,
    print_notes,
    print_plan,
    print_table,
)
from fairlearnkit.cli._trials import Trial, gather_warnings, run_trials, usable_jobs
from fairlearnkit.constraints import ALIASES, as_constraint

__all__ = ["compare"]


def compare(arguments):
    """Run the command.

    Raises
    ------
    InputError
        For anything that the user has to mend.
    KeyboardInterrupt
        With a message that says where the finished rows are.
    """
    data = sample_rows(load_data(arguments), arguments.rows, arguments.seed)
    constraint = _check_constraint(data, arguments)
    features = data.features(hide_sensitive=arguments.hide_sensitive)
    model = build_model(arguments.model, features, arguments.seed)
    check_model(model, arguments.methods)
    splits = make_splits(data, arguments.splits, arguments.test_size, arguments.seed)
    trials = [
        Trial(number, method, train, test)
        for number, (train, test) in enumerate(splits, start=1)
        for method in arguments.methods
    ]
    folder = open_folder(arguments.out)
    print_plan(data, arguments, usable_jobs(arguments.jobs, len(trials)))
    constraints = measured(constraint)
    results = run_trials(trials, data, model, constraints, arguments)
    results = _collect(results, len(trials), folder)
    _report(results, data, constraints, constraint, arguments, folder)


def _check_constraint(data, arguments):
    """Resolve the constraint; it must be one that can be enforced, if it has to be."""
    if arguments.constraint.removesuffix("_ratio") not in ALIASES:
        raise InputError(
            f"unknown constraint {arguments.constraint!r}; choose from "
            f"{', '.join(ALIASES)}, with _ratio at the end for the ratio form."
        )
    constraint = as_constraint(arguments.constraint)
    try:
        if {"reduction", "thresholds"} & set(arguments.methods):
            constraint.coefficients(data.totals(), [0, 1], user="a mitigator")
    except ValueError as error:
        raise InputError(one_line(error)) from error
    return constraint


def _collect(results, n_trials, folder):
    """Write every result as it comes; an interrupt leaves what was written."""
    finished = []
    try:
        with RowFile(folder / ROWS) as rows, make_progress() as progress:
            bar = progress.add_task("", total=n_trials)
            for result in results:
                rows.write(result.row)
                finished.append(result)
                last = f"{result.method}, split {result.split}"
                progress.update(bar, advance=1, description=last)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; {len(finished)} of {n_trials} fits were finished and are in "
            f"{folder / ROWS}."
        ) from None
    return sorted(finished, key=lambda r: (r.split, METHODS.index(r.method)))


def _report(results, data, constraints, constraint, arguments, folder):
    by_method = {
        method: [result for result in results if result.method == method]
        for method in arguments.methods
    }
    summaries = {m: summarise([r.row for r in found]) for m, found in by_method.items()}
    rates = {
        method: rates_of(reduce(add, [result.table for result in found]))
        for method, found in by_method.items()
    }
    print_table(summaries, constraints, constraint)
    print_notes(_notes(results, data, arguments))
    write_summary(folder / SUMMARY, data, summaries, rates, arguments)
    picture = folder / PICTURE
    draw_picture(picture, data, results, summaries, constraint, arguments)
    print_notes(
        [f"written: {folder / ROWS}, {folder / SUMMARY}", f"picture: {picture}"]
    )


def _notes(results, data, arguments):
    """Footnotes of the table, then each warning once."""
    n_test = results[0].row["n_test"]
    splits = count(arguments.splits, "split")
    notes = [
        f"Means over {splits}, on held-out rows; 0 is parity. "
        f"Intervals: what one test set of {n_test:,} rows allows to say at 95 %, ends "
        "averaged over the splits; other training rows would add to it (see --help).",
        _star(arguments),
        "",
    ]
    told = gather_warnings(results, data.warnings)
    if told:
        notes += ["Warnings:", *(f"- {line}" for line in told), ""]
    return notes


def _star(arguments):
    """What the star in the table means for these methods."""
    bound = [name for name in arguments.methods if name in ("reduction", "thresholds")]
    if not bound:
        return "* the constraint that the picture shows; no method here takes a bound."
    names = " and ".join(bound)
    note = f"* what {names} had to reach on the training rows, within a tolerance of "
    note += f"{arguments.tolerance:g}"
    return note + (
        "; reweighing takes no bound." if "reweighing" in arguments.methods else "."
    )
