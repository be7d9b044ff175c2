"""Somebody who writes while others watch."""

import threading
from contextlib import contextmanager

from django.db import connections
from django.utils import timezone

from taskhub.models import Progress


@contextmanager
def writing(progress):
    """Write the progress of a task ten times a second."""
    is_over = threading.Event()

    def write():
        number = 0
        while not is_over.wait(0.1):
            number += 1
            Progress.objects.filter(pk=progress.pk).update(
                fraction=number % 100 / 100, updated_at=timezone.now()
            )
        connections.close_all()

    thread = threading.Thread(target=write, name="writer")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
