"""A user's own measurement: a command, or a Python function, that is asked once for each trial."""
