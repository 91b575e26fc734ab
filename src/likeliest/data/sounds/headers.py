"""The first bytes of a file: whether it is a sound, what it is if not, and whether a WAV's header can be true."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from likeliest.data.images.decoding import described, looks_like_picture

SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc")
CUT_SHORT = "cut short"
CONTRADICTORY = "a header that contradicts itself or the file"

_MAGIC = (b"fLaC", b"OggS", b"ID3")
_RIFF = (b"RIFF", b"RIFX", b"RF64")
_PLAIN = (1, 3, 0xFFFE)
"""WAV formats whose samples have a fixed number of bytes: integers, floats, and either of them by its long name."""
_UNKNOWN = 0x7FFFF000
"""A chunk that claims so many bytes or more was written to a pipe, by a program that could not know its length."""


def looks_like_sound(head: bytes) -> bool:
    """Whether a file with these first 16 bytes or more claims a format that can be read here."""
    if head[:4] in _RIFF:
        return head[8:12] == b"WAVE"
    if head[:4] == b"FORM":
        return head[8:12] in (b"AIFF", b"AIFC")
    return head.startswith(_MAGIC) or _is_mpeg_frame(head)


def what_else(head: bytes) -> str:
    """Return what a file is that is no sound, by its first bytes."""
    if looks_like_picture(head):
        return "a picture"
    if head[4:8] == b"ftyp" and head[8:11] == b"M4A":
        return "an MPEG-4 sound, which cannot be read here: convert it to FLAC or WAV"
    if head.startswith(b"0&\xb2\x75"):
        return "a Windows Media sound, which cannot be read here: convert it to FLAC or WAV"
    return described(head).replace("no picture", "no sound")


def wave_fault(path: Path) -> str | None:
    """Return what is wrong with the header of a WAV file, or None; None for other formats too.

    A decoder takes what it finds: a file that was cut short is read as a shorter recording, and samples of a wrong
    width are noise. So the sizes that a header states are compared with each other and with the file.
    """
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:12] != b"WAVE":
            return None
        size = os.fstat(file.fileno()).st_size
        plain = False
        for name, at, claimed in _chunks(file, size):
            if name == b"fmt ":
                plain, fault = _format_fault(file.read(16))
                if fault:
                    return CONTRADICTORY
            elif name == b"data":
                return _data_fault(file, at, claimed, size, plain)
    return None


def _is_mpeg_frame(head: bytes) -> bool:
    """Whether bytes begin a frame of MPEG audio: eleven ones, then a version, layer and bit rate that there are."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, bit_rate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer != 0 and bit_rate not in (0, 15) and rate != 3


def _chunks(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, place and claimed length of each chunk, the file standing at the chunk's content."""
    at = 12
    while at + 8 <= size:
        file.seek(at)
        name, claimed = struct.unpack("<4sI", file.read(8))
        yield name, at + 8, claimed
        at += 8 + claimed + claimed % 2


def _format_fault(content: bytes) -> tuple[bool, bool]:
    """Return whether samples have a fixed number of bytes, and whether the format contradicts itself then."""
    if len(content) < 16:
        return False, True
    code, channels, rate, per_second, per_frame, bits = struct.unpack("<HHIIHH", content)
    if code not in _PLAIN:
        return False, False
    width = channels * -(-bits // 8)
    return True, width != per_frame or per_second != rate * per_frame


def _data_fault(file: IO[bytes], at: int, claimed: int, size: int, plain: bool) -> str | None:
    if claimed >= _UNKNOWN:
        return None
    if at + claimed > size:
        return CUT_SHORT
    file.seek(at + claimed + claimed % 2)
    following = file.read(4)
    named = all(0x20 <= byte < 0x7F for byte in following) or not any(following)  # the next chunk's name, or padding
    return CONTRADICTORY if plain and len(following) == 4 and not named else None
