"""Tests of whether a metric is the same in all groups, and their power."""
