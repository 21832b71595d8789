"""Nobody was ever stopped by this."""
