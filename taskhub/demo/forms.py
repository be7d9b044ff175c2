"""Check an uploaded CSV before it is stored, and say what is wrong in the visitor's words."""

import csv
import io

from django import forms
from django.core.exceptions import ValidationError
from django.core.files import File
from django.template.defaultfilters import filesizeformat

from taskhub.demo.orders_file import NotAnOrdersFile, read_header

MAX_BYTES = 2 * 1024 * 1024
MAX_NAME = 200


class UploadForm(forms.Form):
    """Take one CSV file of orders."""

    file = forms.FileField(
        label="A CSV file of orders",
        max_length=MAX_NAME,
        error_messages={
            "required": "Choose a file first.",
            "empty": "This file is empty.",
            "max_length": f"The name of this file is longer than {MAX_NAME} characters.",
        },
        widget=forms.FileInput(
            attrs={"accept": ".csv,text/csv", "aria-describedby": "id_file_hint id_file_error"}
        ),
    )

    def clean_file(self) -> "File[bytes]":
        """Refuse what is too large, not CSV, not UTF-8 or lacks columns; cheap checks first."""
        file: File[bytes] = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise ValidationError(
                f"This file has {filesizeformat(file.size)}; "
                f"at most {filesizeformat(MAX_BYTES)} are taken. Split it into several.",
                code="too_large",
            )
        if not (file.name or "").lower().endswith(".csv"):
            raise ValidationError(
                "This is not a CSV file: its name must end in .csv. "
                "In a spreadsheet, choose “Save as” and then CSV UTF-8.",
                code="wrong_type",
            )
        _check_text(_decoded(file.read()))
        file.seek(0)
        return file


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValidationError(
            f"Line {line} is not UTF-8 text. "
            "In a spreadsheet, choose “Save as” and then CSV UTF-8.",
            code="not_utf8",
        ) from None
    if "\0" in text:
        raise ValidationError("This is not a text file, whatever its name says.", code="wrong_type")
    return text


def _check_text(text: str) -> None:
    if not text.strip():
        raise ValidationError("This file is empty.", code="empty")
    lines = csv.reader(io.StringIO(text, newline=""))
    try:
        read_header(lines)
    except NotAnOrdersFile as error:
        raise ValidationError(str(error), code="not_orders") from None
    if not any(line.strip() for line in text.splitlines()[1:]):
        raise ValidationError(
            "This file has a first line with columns, and no orders.", code="empty"
        )
