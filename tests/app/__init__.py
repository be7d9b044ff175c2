"""The suite's app: the tasks that tests run, and the table in which they leave traces."""
