"""Solvers: arrays in, arrays out; they know constraints and tables, not estimators."""
