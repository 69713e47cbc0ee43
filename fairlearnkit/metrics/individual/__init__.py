"""Fairness between single people: alike treated alike, benefits spread evenly."""
