"""Settings that must stand before numpy and scikit-learn are imported."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # else scikit-learn skips a check
os.environ["MPLBACKEND"] = "Agg"
os.environ["OMP_NUM_THREADS"] = "1"  # workers would fight over the cores
