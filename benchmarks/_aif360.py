"""One attempt at each of AIF360's in-processing estimators, within a time limit."""

import os
import signal
import sys

from benchmarks._data import accuracy, violation

LIMIT_S = 60


def aif360_models():
    """AIF360's in-processing estimators that need no TensorFlow."""
    from aif360.algorithms import inprocessing as peer

    return {
        "aif360 PrejudiceRemover": (
            1.0,
            peer.PrejudiceRemover(eta=1.0, sensitive_attr="group", class_attr="label"),
        ),
        "aif360 MetaFairClassifier": (
            0.8,
            peer.MetaFairClassifier(tau=0.8, sensitive_attr="group", type="sr", seed=0),
        ),
    }


def aif360_data(rows):
    """Rows as AIF360 wants them."""
    import pandas as pd
    from aif360.datasets import BinaryLabelDataset

    names = [f"x{j}" for j in range(rows.X.shape[1])]
    frame = pd.DataFrame(rows.X, columns=names).assign(group=rows.group, label=rows.y)
    return BinaryLabelDataset(
        df=frame, label_names=["label"], protected_attribute_names=["group"]
    )


def tried(data, train, test):
    """A row for each of AIF360's on one split: its point, or why there is none."""
    # Its PrejudiceRemover starts whatever `python` is on the path.
    here = os.path.dirname(sys.executable)
    os.environ["PATH"] = os.pathsep.join([here, os.environ["PATH"]])
    os.environ.pop("PYTHONPATH", None)

    def stop(signum, frame):
        raise TimeoutError(f"stopped after {LIMIT_S} s")

    signal.signal(signal.SIGALRM, stop)
    for name, (strength, model) in aif360_models().items():
        row = {"data": data, "base": "logistic", "constraint": "demographic_parity"}
        row |= {"side": "left out", "method": name, "strength": strength}
        before = os.times()
        signal.alarm(LIMIT_S)
        try:
            model.fit(aif360_data(train))
            found = model.predict(aif360_data(test)).labels.ravel()
            gap = violation(row["constraint"], found, test.y, test.group)
            row |= {"gap": gap, "accuracy": accuracy(found, test.y)}
        except Exception as error:  # whatever it is, it belongs in the table
            row["why_left_out"] = f"{type(error).__name__}: {error}"
        finally:
            signal.alarm(0)
        row["cpu_s"] = sum(os.times()[:4]) - sum(before[:4])
        yield row
