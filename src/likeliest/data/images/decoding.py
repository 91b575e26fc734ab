"""One encoded picture to pixels: PNG, JPEG, WebP, GIF, BMP or TIFF, checked before and while it is decoded.

What Pillow leaves open is settled here. The header's pixel count is looked at before anything is unpacked. Sixteen bits
a channel become eight (round(v / 257), so that 0 stays black and 65,535 white). Transparency is laid on white. The
turn that EXIF asks for is made. Of several frames the first is taken. Whatever was done is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import SEEK_END
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, WebPImagePlugin

from likeliest.data.images.pictures import Picture

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
MOST_PIXELS = 89_478_485
"""A picture of more pixels is not decoded: a few kilobytes can unpack to gigabytes. Pillow takes 4 bytes for each."""

# Imported by name, because Pillow looks for formats when it first meets them, which threads must not do at once.
assert {TiffImagePlugin.TiffImageFile.format, WebPImagePlugin.WebPImageFile.format} <= set(Image.OPEN)
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*")
_ORIENTATION = 0x0112
_NAMES = {
    b"%PDF": "a PDF document",
    b"\x1aE\xdf\xa3": "a video",
    b"\0\0\x01\xba": "a video",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet table",
    b"<?xml": "an XML document or drawing",
    b"<svg": "a drawing (SVG)",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels (H, W, C) of at most the sides asked for, height and width before shrinking, and (reason, done) pairs."""

    pixels: Picture
    size: tuple[int, int]
    remarks: tuple[tuple[str, str], ...]


class UnreadableError(Exception):
    """A picture that cannot be decoded; the message is the reason."""


def looks_like_picture(head: bytes) -> bool:
    """Whether a file with these first 16 bytes or more claims a format that can be read here."""
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def described(head: bytes) -> str:
    """Return what a file is that is no picture, by its first bytes."""
    if not head:
        return "an empty file"
    if head[4:8] == b"ftyp":
        return "a HEIC or AVIF picture" if head[8:12] in (b"heic", b"heix", b"mif1", b"avif") else "a video"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "a video"
    for magic, what in _NAMES.items():
        if head.startswith(magic):
            return what
    return "text" if _is_text(head) else "content that is no picture"


def decode(file: IO[bytes], largest: int) -> Decoded:
    """Decode one picture and shrink it until neither side is longer than ``largest``, its proportions kept.

    Args:
        file: open at its beginning.
        largest: pixels.

    Raises:
        UnreadableError: it is no picture of a known format, is damaged or cut short, or has too many pixels.
    """
    head = file.read(64)
    if not looks_like_picture(head):
        raise UnreadableError(f"no picture, but {described(head)}" if head else "an empty file")
    try:
        return _decode(file, largest)
    except UnreadableError:
        raise
    except Exception as error:  # on damaged bytes Pillow's formats raise OSError, SyntaxError, struct.error, and more
        raise UnreadableError(_reason(error)) from error


def _decode(file: IO[bytes], largest: int) -> Decoded:
    file.seek(0)
    image: Image.Image = Image.open(file, formats=FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise UnreadableError(f"{width:,} × {height:,} pixels, more than the {MOST_PIXELS:,} that are decoded")
    if image.format == "PNG":
        image = _checked(file, image)
    remarks = _frames(image)
    deep, before = _is_deep(image), _orientation(image)
    image.draft(None, _doubled(image.size, largest))
    image.load()
    left = _orientation(image)  # 1 where Pillow itself has turned it, as it does with TIFF
    image = ImageOps.exif_transpose(image) if left > 1 else image
    size = (height, width) if left < 5 else (width, height)
    turned = (("not upright, by its EXIF orientation", "turned"),) if max(before, left) > 1 else ()
    plain, more = _plain(image, deep)
    return Decoded(as_pixels(shrunk(plain, largest)), size, (*remarks, *turned, *more))


def _checked(file: IO[bytes], image: Image.Image) -> Image.Image:
    """Open a PNG again whose checksums are right; decoding alone overlooks a wrong one."""
    try:
        image.verify()
    except Exception as error:
        file.seek(max(file.seek(0, SEEK_END) - 12, 0))
        raise UnreadableError("damaged" if b"IEND" in file.read() else "cut short") from error
    file.seek(0)
    return Image.open(file, formats=("PNG",))


def _frames(image: Image.Image) -> tuple[tuple[str, str], ...]:
    if not getattr(image, "is_animated", False):
        return ()
    image.seek(0)
    return (("several frames", "the first used"),)


def _is_deep(image: Image.Image) -> bool:
    """Whether a channel has sixteen bits: as mode I;16, or as colour that Pillow halves while it decodes."""
    return image.mode.startswith("I;16") or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))


def _doubled(size: tuple[int, int], largest: int) -> tuple[int, int]:
    """Return the size that a JPEG may be decoded at instead of its own: twice what is kept, so no detail is lost."""
    width, height = fitted(size, largest)
    return 2 * width, 2 * height


def _orientation(image: Image.Image) -> int:
    """Return what EXIF says of the side that is up: 1 to 8, where 1 is as it stands."""
    try:
        turned = int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF says nothing about it
        return 1
    return turned if 1 <= turned <= 8 else 1


def _plain(image: Image.Image, deep: bool) -> tuple[Image.Image, tuple[tuple[str, str], ...]]:
    """Return the picture in mode L or RGB, and what that took."""
    remarks = (("16 bits a channel", "scaled to 8"),) if deep else ()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image), remarks or ((f"{_depth(image)} a channel", "scaled to 8"),)
    if image.mode in ("L", "RGB"):
        opaque = "transparency" not in image.info
        return (image, remarks) if opaque else _on_white(image.convert("RGBA"), remarks)
    if image.mode == "1":
        return image.convert("L"), remarks
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"), remarks)
    if image.mode == "CMYK":
        remarks = (*remarks, ("CMYK", "converted to RGB without its colour profile"))
    return image.convert("RGB"), remarks


def _on_white(image: Image.Image, remarks: tuple[tuple[str, str], ...]) -> tuple[Image.Image, Any]:
    if image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB"), remarks
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB"), (*remarks, ("transparent in places", "laid on white"))


def _depth(image: Image.Image) -> str:
    return "floating point" if image.mode == "F" else "16 bits"


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return mode L: of floats in [0, 1], or of integers up to 65,535."""
    values = np.asarray(image)
    top = 1.0 if image.mode == "F" else 65535.0
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= top):
        raise UnreadableError(f"{image.mode} pixels outside 0 to {top:g}; convert it to 8 bits")
    return Image.fromarray(np.rint(values * (255.0 / top)).astype(np.uint8))


def fitted(size: tuple[int, int], largest: int) -> tuple[int, int]:
    """Return two sides in the same proportion of which neither is longer than ``largest``, nor shorter than 1."""
    longer = max(size)
    if longer <= largest:
        return size
    first, second = ((2 * side * largest + longer) // (2 * longer) for side in size)
    return max(first, 1), max(second, 1)


def shrunk(image: Image.Image, largest: int) -> Image.Image:
    """Return the picture in the size that `fitted` gives."""
    return resized(image, fitted(image.size, largest))


def resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the picture in another (width, height), by a triangle filter that is widened where it shrinks."""
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)


def as_pixels(image: Image.Image) -> Picture:
    """Return (H, W, C) of a picture in mode L or RGB; C is 1 where it is grey."""
    pixels: NDArray[np.uint8] = np.array(image)
    if pixels.ndim == 2:
        return pixels[..., None]
    grey = (pixels == pixels[..., :1]).all()
    return np.ascontiguousarray(pixels[..., :1]) if grey else pixels


def as_image(pixels: Picture) -> Image.Image:
    """Return (H, W, 1 or 3) as a picture in mode L or RGB."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _reason(error: Exception) -> str:
    words = str(error)
    if isinstance(error, Image.DecompressionBombError):
        return f"more pixels than the {MOST_PIXELS:,} that are decoded"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return "cut short" if "truncated" in words or isinstance(error, EOFError) else "damaged"


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\r\f" for byte in head) and bool(head.decode(errors="ignore"))
