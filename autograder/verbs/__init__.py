"""The verbs of the command line: each parses, calls and prints; what it does is imported when it is used."""
