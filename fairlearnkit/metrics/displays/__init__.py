"""Pictures of groups; matplotlib is imported when one is drawn."""
