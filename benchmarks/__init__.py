"""Side-by-side measurements against peers; ``python -m benchmarks`` lists them."""

import os

# One thread, so that processor time tells the cost; before numpy is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
