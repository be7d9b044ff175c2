from pathlib import Path

from PIL import Image, ImageChops

from taskhub.demo.generate.images import DRAWINGS, write_images
from taskhub.demo.generate.orders import BAD_ROW, ROWS, orders_csv
from taskhub.demo.paths import IMAGES, ORDERS_CSV


def test_the_orders_are_the_same_bytes() -> None:
    assert ORDERS_CSV.read_bytes() == orders_csv()


def test_the_orders_hold_thousands_of_rows_names_in_many_scripts_and_one_bad_row() -> None:
    lines = ORDERS_CSV.read_text(encoding="utf-8").splitlines()
    assert len(lines) == ROWS + 1 == 5_001
    assert "twelve euros" in lines[BAD_ROW]
    assert sum("twelve" in line for line in lines) == 1
    assert {"Müller", "佐藤", "فاطمة", "Шевченко", "김"} <= {
        name for name in ("Müller", "佐藤", "فاطمة", "Шевченко", "김") if name in " ".join(lines)
    }


def test_the_pictures_show_the_same_drawings(tmp_path: Path) -> None:
    """Not the same bytes: another libjpeg or zlib may pack them otherwise."""
    write_images(tmp_path)
    assert sorted(DRAWINGS) == sorted(path.name for path in IMAGES.iterdir())
    for name in DRAWINGS:
        with Image.open(IMAGES / name) as shipped, Image.open(tmp_path / name) as drawn:
            assert (shipped.mode, shipped.size) == (drawn.mode, drawn.size)
            difference = ImageChops.difference(shipped.convert("L"), drawn.convert("L"))
            assert max(difference.tobytes()) < 32


def test_the_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in IMAGES.iterdir()) < 300_000
