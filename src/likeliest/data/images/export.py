"""Pictures to a folder that `read_pictures` reads back: one PNG each, in one folder for each class."""

from __future__ import annotations

from pathlib import Path

from likeliest.data.images.decoding import as_image
from likeliest.data.images.pictures import Pictures
from likeliest.errors import OutputError


def write_folder(pictures: Pictures, folder: str | Path) -> None:
    """Write each picture to ``folder/label/number.png``, its number that of its row; a "/" in a label becomes "_".

    Rows set aside for testing go below ``test``, the others then below ``train``.

    Raises:
        OutputError: a file cannot be written.
    """
    digits = len(str(len(pictures)))
    aside = set(pictures.test.tolist())
    for row, pixels in enumerate(pictures.pixels):
        part = ("test" if row in aside else "train") if aside else ""
        label = pictures.labels[row].replace("/", "_") if pictures.labels else ""
        path = Path(folder) / part / label / f"{row + 1:0{digits}}.png"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            as_image(pixels).save(path, compress_level=1)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error
