"""A twin: a sandboxed stack that runs somebody's production config, unedited, against stand-in servers."""
