"""Rates of groups that are known as probabilities only."""
