"""Measuring Many Hands itself: always against a peer in the same run, so that a slow machine changes nothing."""
