"""From samples to verdicts: pure functions, no side effects. Imports traffic's data only."""
