"""The subgroup that predictions are most wrong about."""
