import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from taskhub.demo.forms import MAX_BYTES
from taskhub.demo.models import Upload
from tests.demo.conftest import GOOD, HEADER, csv_file

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (csv_file(HEADER + GOOD + " " * MAX_BYTES), "at most 2.0\xa0MB are taken"),
        (csv_file(HEADER + GOOD, name="orders.xlsx"), "its name must end in .csv"),
        (csv_file("PK\x03\x04\0\0" + GOOD), "This is not a text file, whatever its name says."),
        (csv_file(""), "This file is empty."),
        (csv_file(" \n\n"), "This file is empty."),
        (csv_file((HEADER + GOOD).encode("latin-1")), "Line 2 is not UTF-8 text."),
        (csv_file(GOOD), "The first line must name the columns"),
        (csv_file(HEADER.replace(",", ";")), "separated by commas"),
        (csv_file(HEADER), "This file has a first line with columns, and no orders."),
        (csv_file(HEADER + GOOD, name="x" * 250 + ".csv"), "longer than 200 characters"),
    ],
)
def test_a_bad_file_is_refused_in_plain_words(
    client: Client, file: SimpleUploadedFile, says: str
) -> None:
    file.seek(0)
    response = client.post("/", {"file": file})
    assert response.status_code == 200
    assert says in response.content.decode()
    assert not Upload.objects.exists()


def test_no_file_at_all_is_said_so(client: Client) -> None:
    response = client.post("/", {})
    assert response.status_code == 200
    assert "Choose a file first." in response.content.decode()


def test_a_file_name_from_a_visitor_is_escaped_and_never_becomes_a_path(client: Client) -> None:
    file = csv_file(HEADER + GOOD, name="<b>..%2F..orders.csv")
    assert client.post("/", {"file": file}).status_code == 302
    upload = Upload.objects.get()
    stored = upload.file.name or ""
    assert upload.name == "<b>..%2F..orders.csv"
    assert stored.startswith("demo/uploads/")
    assert "orders" not in stored


def test_a_mark_that_spreadsheets_put_in_front_does_no_harm(client: Client) -> None:
    response = client.post("/", {"file": csv_file("\ufeff" + HEADER + GOOD)})
    assert response.status_code == 302


def test_the_form_needs_its_csrf_token() -> None:
    response = Client(enforce_csrf_checks=True).post("/", {"file": csv_file(HEADER + GOOD)})
    assert response.status_code == 403
    assert not Upload.objects.exists()
