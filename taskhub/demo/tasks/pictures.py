"""Make thumbnails of the pictures that the project ships."""

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from taskhub import task
from taskhub.demo.paths import IMAGES, media_root, name_in_media, whole_file

if TYPE_CHECKING:
    from taskhub.context import TaskContext


class Thumbnails(TypedDict):
    """Which files were written, relative to MEDIA_ROOT/demo, and how much smaller they are."""

    files: list[str]
    bytes_before: int
    bytes_after: int


@task(
    name="demo.make_thumbnails",
    takes_context=True,
    timeout=60,
    no_retry_on=(ImportError,),
    tags=["demo", "pictures"],
)
def make_thumbnails(context: "TaskContext", width: int = 320) -> Thumbnails:
    """Write a thumbnail of each picture, at most `width` wide, to MEDIA_ROOT/demo/thumbnails."""
    originals = sorted(path for path in IMAGES.iterdir() if path.suffix in {".jpg", ".png"})
    made: list[Path] = []
    for done, original in enumerate(originals):
        context.update_progress(done / len(originals), original.name)
        made.append(_shrink(original, width))
    context.update_progress(1.0, f"{len(made)} thumbnails")
    return {
        "files": [name_in_media(path) for path in made],
        "bytes_before": sum(path.stat().st_size for path in originals),
        "bytes_after": sum(path.stat().st_size for path in made),
    }


def _shrink(original: Path, width: int) -> Path:
    """Return the thumbnail's path; it stands upright, as EXIF says, and carries no EXIF."""
    from PIL import Image, ImageOps

    target = media_root() / "thumbnails" / f"{original.stem}-{width}{original.suffix}"
    with Image.open(original) as picture, whole_file(target) as draft:
        picture_format = picture.format
        upright = ImageOps.exif_transpose(picture)
        if upright.mode == "P":
            upright = upright.convert("RGB")
        upright.thumbnail((width, width))
        upright.save(draft, format=picture_format)
    return target
