"""PrejudiceRemover.fit against AIF360's, on the same rows and at the same strength.

AIF360 runs the authors' script in another process, so both are timed by the processor
seconds of this process and its children. It shares no environment with us: run this
where `aif360` is installed and this package can be imported.
"""

import contextlib
import os
import sys
import warnings
from statistics import median

import numpy as np
import pandas as pd

from benchmarks._data import biased_people
from benchmarks._timing import write
from fairlearnkit.inprocessing import PrejudiceRemover

SEED = 0
ETA = 1.0


def seconds(task):
    """Processor seconds of a task, its children included, and what it returns."""
    before = os.times()
    found = task()
    after = os.times()
    return sum(after[:4]) - sum(before[:4]), found


def peer_task(X, y):
    """A call that fits AIF360's on these rows, and one that predicts."""
    from aif360.algorithms.inprocessing import PrejudiceRemover as Peer
    from aif360.datasets import BinaryLabelDataset

    columns = [f"x{j}" for j in range(X.shape[1] - 1)] + ["group"]
    frame = pd.DataFrame(X, columns=columns).assign(label=y)
    data = BinaryLabelDataset(
        df=frame, label_names=["label"], protected_attribute_names=["group"]
    )

    def fit():
        return Peer(eta=ETA, sensitive_attr="group", class_attr="label").fit(data)

    def predict(model):
        return model.predict(data).labels.ravel()

    return fit, predict


def row(n_rows):
    """One row of the table: ours and AIF360's."""
    X, y, group = biased_people(n_rows, SEED)

    def own():
        return PrejudiceRemover(eta=ETA).fit(X, y, sensitive_features=group)

    own()
    ours = [seconds(own) for _ in range(5)]
    fit, predict = peer_task(X, y)
    theirs, model = seconds(fit)
    found = {"ours": ours[0][1].predict(X, sensitive_features=group)}
    found["theirs"] = predict(model)
    ours_s = median(time for time, _ in ours)
    result = {
        "rows": n_rows,
        "theirs_s": theirs,
        "ours_s": ours_s,
        "times_faster": theirs / ours_s,
        "target": ">= 50",
    }
    for name, decision in found.items():
        rates = [decision[group == g].mean() for g in (0, 1)]
        result[f"accuracy_{name}"] = float(np.mean(decision == y))
        result[f"violation_{name}"] = float(max(rates) - min(rates))
    return result


def main():
    """Compare at two sizes."""
    warnings.simplefilter("ignore")
    # AIF360 starts whatever `python` is on the path.
    here = os.path.dirname(sys.executable)
    os.environ["PATH"] = os.pathsep.join([here, os.environ["PATH"]])
    with contextlib.suppress(KeyError):
        del os.environ["PYTHONPATH"]
    rows = [row(1_000), row(10_000)]
    about = "eta = 1, eleven features, two groups"
    write("speed_prejudice", about=about, seed=SEED, rows=rows)
