"""Make the files under `data/`, the same every time: `python -m taskhub.demo.generate`."""
