"""Metrics of predicted numbers, and distances between their distributions."""
