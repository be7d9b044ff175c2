"""Files to upload, and a MEDIA_ROOT that each test finds empty."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

HEADER = "number,ordered_on,customer,email,country,items,total\n"
GOOD = "HP-1,2026-11-24,Zoé Lefèvre,zoe@example.com,FR,2,19.90\n"


@pytest.fixture(autouse=True)
def empty_media() -> Iterator[Path]:
    """Workers in other processes write to the same folder, so it cannot be a `tmp_path`."""
    folder = Path(settings.MEDIA_ROOT)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def csv_file(text: str | bytes, name: str = "orders.csv") -> SimpleUploadedFile:
    content = text.encode() if isinstance(text, str) else text
    return SimpleUploadedFile(name, content, content_type="text/csv")
