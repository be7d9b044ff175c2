"""What is vendored is what its manifest says: nothing more, nothing less, unchanged."""

import hashlib
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent.parent / "static" / "dashboard" / "vendor"


def entries() -> dict[str, str]:
    lines = (VENDOR / "MANIFEST").read_text().splitlines()
    rows = [line.split("  ") for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 4 for row in rows), "sha256, file, package and version, licence"
    return {row[1]: row[0] for row in rows}


def test_each_vendored_file_has_its_line_and_its_hash():
    found = {
        path.relative_to(VENDOR).as_posix(): path
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "MANIFEST"
    }
    listed = entries()
    assert found.keys() == listed.keys()
    for name, path in found.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name


def test_the_stylesheet_uses_fonts_that_are_there():
    css = (VENDOR.parent / "taskhub.css").read_text()
    urls = [part.split('"')[1] for part in css.split("url(")[1:]]
    assert urls
    for url in urls:
        assert (VENDOR.parent / url).is_file(), url
