"""Metrics of scores: how they rank, and whether they mean what they say."""
