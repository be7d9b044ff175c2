"""The tasks that tests enqueue; each is here because a test names it."""
