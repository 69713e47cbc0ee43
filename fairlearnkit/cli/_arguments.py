"""What the user may ask for, and its help."""

import argparse
import math

from fairlearnkit import __version__

__all__ = ["METHODS", "PROGRAM", "make_parser"]

PROGRAM = "fairlearnkit"
METHODS = ("plain", "reweighing", "reduction", "thresholds")

_DESCRIPTION = """\
Train a plain model and the mitigators of every stage on the same splits of a
data set, and show what each costs and gains, side by side:

  plain        the model as it is
  reweighing   before training: weights that make label and group independent
  reduction    in training: a mixture of models that meets the constraint
  thresholds   after training: thresholds by group that meet the constraint

Without arguments: logistic regression on the embedded Adult data, demographic
parity between the sexes, about half a minute."""

_EPILOG = """\
examples:
  fairlearnkit compare
  fairlearnkit compare --constraint equalized_odds --tolerance 0.02
  fairlearnkit compare --data german-credit --model random-forest --splits 20
  fairlearnkit compare --data loans.csv --target repaid --positive yes \\
      --sensitive sex age:25,60 --hide-sensitive
  fairlearnkit compare --data people.parquet --target hired --sensitive gender \\
      --model mypackage.models:make_model --methods plain,thresholds

what is shown:
  Every number is the mean over the splits, on held-out rows. A disparity is the
  largest difference of a rate between groups (1 - smallest / largest in the
  ratio form); 0 is parity. Its interval is the 95 % interval that the rows of
  one test set allow, both ends averaged over the splits. So it says how well a
  single audit of that size would know the disparity of a given model. Splits
  share rows, so they are not pooled: that would make it look narrower than it
  is. It leaves out what another training set would change.

what is written to --out:
  results.csv    one row for each split and method, as they finish
  summary.json   means, intervals, rates by group, settings, versions
  picture.png    accuracy against disparity

exit codes: 0 done, 2 bad input, 130 interrupted (finished rows are kept)"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """Say what is wrong in one sentence, without the usage."""
        hint = f"; see {PROGRAM} compare --help" if "unrec" in message else ""
        self.exit(2, f"{PROGRAM}: error: {message}{hint}\n")


def make_parser():
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog=PROGRAM,
        description="Measure and mitigate unfairness between groups of people.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"{PROGRAM} {__version__}"
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    compare = commands.add_parser(
        "compare",
        help="compare a plain model with the mitigators of every stage",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    data = compare.add_argument_group("data")
    _add_data(data)
    _add_choice(data)
    _add_methods(compare.add_argument_group("models and methods"))
    _add_run(compare.add_argument_group("run"))
    return parser


def _add_data(group):
    group.add_argument(
        "--data",
        default="adult",
        metavar="NAME|PATH",
        help="adult, german-credit, bank-marketing, or the path of a CSV or parquet "
        "file (default: adult)",
    )
    group.add_argument(
        "--target",
        metavar="COLUMN",
        help="column of a file that holds the two labels",
    )
    group.add_argument(
        "--positive",
        metavar="LABEL",
        help="the label that people want to get (default: the last in sort order)",
    )
    group.add_argument(
        "--sensitive",
        nargs="+",
        metavar="COLUMN",
        help="column(s) that hold the groups; several make intersectional groups; "
        "age:25,60 cuts a numeric column into below 25, 25 to below 60, and 60 or "
        "above (default: sex for adult; age cut at 25 for german-credit, at 25 and 60 "
        "for bank-marketing; needed for a file)",
    )
    group.add_argument(
        "--handle-missing",
        choices=("error", "group"),
        default="error",
        help="whether a missing sensitive value is an error or a group of its own "
        "(default: error)",
    )


def _add_choice(group):
    group.add_argument(
        "--ignore",
        nargs="+",
        metavar="COLUMN",
        default=[],
        help="columns to leave out, such as identifiers",
    )
    group.add_argument(
        "--rows",
        type=_whole(10),
        metavar="N",
        help="use a sample of N rows, stratified by label and group, for a quick try",
    )


def _add_methods(group):
    group.add_argument(
        "--model",
        default="logistic",
        metavar="NAME|MODULE:CLASS",
        help="logistic, hist-gradient-boosting, random-forest, or an importable class "
        "or function without arguments that makes a classifier, which gets scaled and "
        "one-hot coded features (default: logistic)",
    )
    group.add_argument(
        "--hide-sensitive",
        action="store_true",
        help="drop the sensitive columns from the features of every model (default: "
        "they are features like any other)",
    )
    group.add_argument(
        "--methods",
        type=_methods,
        default=METHODS,
        metavar="LIST",
        help=f"some of {','.join(METHODS)} (default: all)",
    )
    group.add_argument(
        "--constraint",
        default="demographic_parity",
        metavar="NAME",
        help="what reduction and thresholds must reach: demographic_parity, "
        "equal_opportunity, predictive_equality, equalized_odds, error_rate_parity or "
        "accuracy_parity; _ratio at the end gives the ratio form "
        "(default: demographic_parity)",
    )
    group.add_argument(
        "--tolerance",
        type=_within(0, 1, ends=True),
        default=0.01,
        metavar="T",
        help="largest disparity allowed on the training rows, in [0, 1] (default: "
        "0.01)",
    )


def _add_run(group):
    group.add_argument(
        "--splits",
        type=_whole(1),
        default=5,
        metavar="K",
        help="random splits into training and test rows (default: 5)",
    )
    group.add_argument(
        "--test-size",
        type=_within(0, 1, ends=False),
        default=0.3,
        metavar="SHARE",
        help="share of rows held out (default: 0.3)",
    )
    group.add_argument(
        "--jobs",
        type=_jobs,
        default=-1,
        metavar="N",
        help="fits that run at once; -1 means one for each processor (default: -1)",
    )
    group.add_argument(
        "--seed",
        type=_whole(0),
        default=0,
        metavar="S",
        help="seed of splits, sample, models and random rules (default: 0)",
    )
    group.add_argument(
        "--out",
        default="fairlearnkit-output",
        metavar="FOLDER",
        help="where results are written; earlier results there are replaced "
        "(default: fairlearnkit-output)",
    )


def _whole(least):
    def parse(text):
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"must be a whole number, {least} or more, got {text!r}"
            )
        return int(text)

    return parse


def _jobs(text):
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number == 0:
        raise argparse.ArgumentTypeError(
            f"must be a whole number other than 0, got {text!r}"
        )
    return number


def _within(low, high, *, ends):
    def parse(text):
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (low <= number <= high if ends else low < number < high):
            kind = "between" if ends else "strictly between"
            raise argparse.ArgumentTypeError(
                f"must be a number {kind} {low} and {high}, got {text!r}"
            )
        return number

    return parse


def _methods(text):
    asked = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in asked if name not in METHODS]
    if unknown or not asked:
        raise argparse.ArgumentTypeError(
            f"unknown method {(unknown or [text])[0]!r}; choose from "
            f"{', '.join(METHODS)}"
        )
    return tuple(name for name in METHODS if name in asked)
