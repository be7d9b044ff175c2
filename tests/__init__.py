"""The suite. `python -m tests.run` starts what it needs and runs it on each database."""
