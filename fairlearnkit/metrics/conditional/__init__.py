"""Disparities given what is taken to explain them."""
