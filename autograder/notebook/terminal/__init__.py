"""A lab in a terminal: the control room as a full screen (Textual), or line by line for pipes and screen readers.

Both show the same :class:`~autograder.notebook.frame.Frame` as the panel in JupyterLab. What a frame looks like in
letters is in :mod:`~autograder.notebook.terminal.traffic` and :mod:`~autograder.notebook.terminal.work`, which are pure
functions; :mod:`~autograder.notebook.terminal.screen` puts it on the screen, and
:mod:`~autograder.notebook.terminal.prompt` says it line by line.
"""
