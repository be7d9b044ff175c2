"""The specification's five examples: `python -m taskhub.demo.examples simple_worker`."""
