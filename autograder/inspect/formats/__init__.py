"""An inspection in the words of other people's tools, a module each: pure functions, from what was found to text."""
