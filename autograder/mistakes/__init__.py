"""The catalogue: a file per mistake, found by reading a config; it explains what traffic showed, never replaces it."""
