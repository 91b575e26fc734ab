"""Pictures as they come: damaged, disguised, too large, turned, deep, doubled. Each is named; none ends in a crash."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from likeliest.data import Pictures, read_pictures, split
from likeliest.data.images import reading
from likeliest.data.images.decoding import MOST_PIXELS
from likeliest.errors import SourceError

RNG = np.random.default_rng(0)
FORMATS = ["png", "jpg", "webp", "gif", "bmp", "tiff"]


def encoded(image: Image.Image, form: str = "png", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, {"jpg": "jpeg"}.get(form, form), **options)
    return buffer.getvalue()


def photo(height: int = 40, width: int = 30) -> Image.Image:
    """A smooth picture in colour, so that lossy formats come close."""
    down, right = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return Image.fromarray(np.rint(255 * np.stack([down, right, 1 - down], -1)).astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of six good pictures each."""
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(6):
            pixels = RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    return tmp_path


def problem_of(pictures: Pictures, name: str) -> tuple[str, str]:
    (found,) = [(p.reason, p.done) for p in pictures.problems if p.name == name]
    return found


def read_with(folder: Path, content: bytes, name: str = "cat/bad.png", rows: int = 12) -> tuple[str, str]:
    """Add one file to the folder; return what is said of it, and check that the others are there as before."""
    before = read_pictures(folder)
    (folder / name).write_bytes(content)
    after = read_pictures(folder)
    assert len(after) == rows
    kept = np.array([row for row, other in enumerate(after.names) if other != name])
    assert after.take(kept).names == before.names
    assert all(map(np.array_equal, after.take(kept).pixels, before.pixels))
    return problem_of(after, name)


# --- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_short_is_left_out(folder: Path, form: str) -> None:
    content = encoded(Image.fromarray(RNG.integers(0, 256, (40, 30, 3), dtype=np.uint8)), form)
    reason, done = read_with(folder, content[: len(content) // 2], f"cat/bad.{form}")
    assert (reason in ("cut short", "damaged"), done) == (True, "left out")


@pytest.mark.parametrize("form", FORMATS)
def test_no_damage_ends_in_a_crash_or_a_hang(form: str, tmp_path: Path) -> None:
    content = encoded(photo(12, 9), form)
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(60):
            photo(12, 9).save(tmp_path / label / f"{number}.png")
    for number in range(40):
        bad = bytearray(content)
        for place in RNG.integers(0, len(bad), 3):
            bad[place] = RNG.integers(256)
        cut = RNG.integers(len(bad)) if number % 2 else len(bad)
        (tmp_path / "cat" / f"bad{number}.{form}").write_bytes(bad[:cut])
    pictures = read_pictures(tmp_path)
    assert 120 <= len(pictures) <= 160
    assert len(pictures) + sum(p.done == "left out" for p in pictures.problems) == 160


def test_a_png_whose_checksum_is_wrong_is_left_out(folder: Path) -> None:
    content = bytearray(encoded(photo()))
    content[content.index(b"IDAT") - 4 + 8 + struct.unpack(">I", content[content.index(b"IDAT") - 4 :][:4])[0]] ^= 1
    assert np.array(Image.open(io.BytesIO(content))).shape == (40, 30, 3)  # a decoder alone overlooks it
    assert read_with(folder, bytes(content)) == ("damaged", "left out")


def test_a_text_file_renamed_is_left_out(folder: Path) -> None:
    assert read_with(folder, "grüße\n".encode() * 20) == ("no picture, but text", "left out")


def test_an_empty_file_is_left_out(folder: Path) -> None:
    assert read_with(folder, b"") == ("an empty file", "left out")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        (b"\x1aE\xdf\xa3\x01\0\0\0", "a video"),
        (b"RIFF\0\0\0\0AVI LIST", "a video"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC or AVIF picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing (SVG)"),
        (b"\x00\x01\x02\x03", "content that is no picture"),
    ],
)
def test_documents_and_videos_are_called_what_they_are(folder: Path, content: bytes, what: str) -> None:
    assert read_with(folder, content, "cat/a.pdf") == (what, "passed over")
    assert read_with(folder, content, "cat/b.jpg") == (f"no picture, but {what}", "left out")


def test_a_picture_without_pixels_is_left_out(folder: Path) -> None:
    assert read_with(folder, bomb("gif", 0, 0), "cat/bad.gif") == ("damaged", "left out")


def bomb(form: str, width: int, height: int) -> bytes:
    """A few bytes whose header claims width x height pixels."""
    if form == "gif":
        frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x4c\1\0"
        return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + frame + b";"
    if form == "bmp":
        header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 1, 0, 0, 0, 0, 2, 0)
        return b"BM" + struct.pack("<IHHI", 62, 0, 0, 62) + header + bytes(8)
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, body, b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("form", ["png", "gif", "bmp"])
@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_decompression_bomb_is_never_decoded(
    folder: Path, form: str, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda image: (loaded.append(image.size), load(image))[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        reason, done = read_with(folder, bomb(form, side, side))
    assert (f"{MOST_PIXELS:,} that are decoded" in reason, done) == (True, "left out")
    assert max(size[0] for size in loaded) < side


def test_a_panorama_among_thumbnails_is_shrunk_at_once(folder: Path) -> None:
    content = encoded(photo(50, 20_000).convert("L"))
    (folder / "cat" / "panorama.png").write_bytes(content)
    pictures = read_pictures(folder)
    (row,) = [row for row, name in enumerate(pictures.names) if name == "cat/panorama.png"]
    assert (pictures.pixels[row].shape, pictures.sizes[row].tolist()) == ((1, 64, 1), [50, 20_000])
    reason = "over 8 times longer or narrower than the others"
    assert problem_of(pictures, "cat/panorama.png") == (reason, "kept, as a strip")


def test_no_permission_to_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.open

    def refusing(path: Path, *args: object, **options: object) -> object:
        if path.name == "3.png" and path.parent.name == "cat":
            raise PermissionError(13, "Permission denied")
        return plain(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refusing)
    pictures = read_pictures(folder)
    assert (len(pictures), problem_of(pictures, "cat/3.png")) == (11, ("no permission to read it", "left out"))


def test_a_source_without_permission_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "iterdir", lambda path: (_ for _ in ()).throw(PermissionError(13, "denied", str(path))))
    with pytest.raises(SourceError, match=rf"{folder}: cannot be read: denied; see to its permissions"):
        read_pictures(folder)


def test_a_folder_without_permission_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "cat" / "locked").mkdir()
    plain = Path.iterdir

    def refusing(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(Path, "iterdir", refusing)
    reason = problem_of(read_pictures(folder), "cat/locked")
    assert reason == ("a folder that cannot be read (Permission denied)", "left out")


# --- what is read, and how --------------------------------------------------------------------------------------------


def pixels_of(folder: Path, content: bytes, name: str) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """Return what one more picture of class cat is decoded to, and what is said of it."""
    (folder / "cat" / name).write_bytes(content)
    pictures = read_pictures(folder)
    row = pictures.names.index(f"cat/{name}")
    return pictures.pixels[row], [(p.reason, p.done) for p in pictures.problems]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_picture(folder: Path, form: str) -> None:
    content = encoded(photo(), form)
    pixels, problems = pixels_of(folder, content, f"one.{form}")
    assert np.array_equal(pixels, np.array(Image.open(io.BytesIO(content)).convert("RGB")))
    assert np.abs(pixels.astype(int) - np.array(photo())).mean() < 6
    assert problems == []


def test_a_picture_under_another_formats_name_is_read(folder: Path) -> None:
    pixels, problems = pixels_of(folder, encoded(photo()), "one.jpg")
    assert (np.array_equal(pixels, np.array(photo())), problems) == (True, [])
    assert np.array_equal(pixels_of(folder, encoded(photo()), "no suffix")[0], np.array(photo()))


@pytest.mark.parametrize("form", ["gif", "webp", "png", "tiff"])
def test_of_several_frames_the_first_is_used(folder: Path, form: str) -> None:
    frames = [photo().convert("L").point(lambda v, k=k: v // k) for k in (1, 2, 3)]
    options = {"lossless": True} if form == "webp" else {}
    content = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    pixels, problems = pixels_of(folder, content, f"one.{form}")
    assert np.array_equal(pixels[..., 0], np.array(frames[0]))
    assert problems == [("several frames", "the first used")]


@pytest.mark.parametrize("form", ["png", "tiff"])
def test_sixteen_bits_are_scaled_and_not_cut(folder: Path, form: str) -> None:
    values = np.linspace(0, 65535, 1200).reshape(40, 30).astype(np.uint16)
    pixels, problems = pixels_of(folder, encoded(Image.fromarray(values), form), f"one.{form}")
    assert np.array_equal(pixels[..., 0], np.rint(values / 257.0))
    assert problems == [("16 bits a channel", "scaled to 8")]


def test_sixteen_bits_of_colour(folder: Path) -> None:
    values = RNG.integers(0, 65536, (4, 5, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    head = b"IHDR" + struct.pack(">IIBBBBB", 5, 4, 16, 2, 0, 0, 0)
    chunks = (
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (head, b"IDAT" + zlib.compress(rows), b"IEND")
    )
    pixels, problems = pixels_of(folder, b"\x89PNG\r\n\x1a\n" + b"".join(chunks), "one.png")
    assert np.abs(pixels - values / 257.0).max() < 1
    assert problems == [("16 bits a channel", "scaled to 8")]


def test_floating_point_pixels(folder: Path) -> None:
    values = np.linspace(0, 1, 1200).reshape(40, 30).astype(np.float32)
    pixels, problems = pixels_of(folder, encoded(Image.fromarray(values), "tiff"), "one.tiff")
    assert np.array_equal(pixels[..., 0], np.rint(values * 255.0))
    assert problems == [("floating point a channel", "scaled to 8")]
    reason = read_with(folder, encoded(Image.fromarray(values * 9), "tiff"), "cat/bad.tiff", 13)
    assert reason == ("F pixels outside 0 to 1; convert it to 8 bits", "left out")


def test_one_bit_is_black_and_white(folder: Path) -> None:
    image = photo().convert("1")
    pixels, problems = pixels_of(folder, encoded(image), "one.png")
    assert (np.array_equal(pixels[..., 0], np.array(image) * 255), problems) == (True, [])


def test_palettes_are_colours(folder: Path) -> None:
    image = photo().quantize(16)
    pixels, problems = pixels_of(folder, encoded(image), "one.png")
    assert (np.array_equal(pixels, np.array(image.convert("RGB"))), problems) == (True, [])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(folder: Path, mode: str) -> None:
    rgba = np.zeros((40, 30, 4), np.uint8)
    rgba[:20, :, 3] = 255
    image = Image.fromarray(rgba)
    pixels, problems = pixels_of(folder, encoded(image.quantize() if mode == "P" else image.convert(mode)), "one.png")
    assert np.array_equal(pixels[..., 0], np.repeat([0, 255], 20)[:, None] * np.ones(30))
    assert problems == [("transparent in places", "laid on white")]
    rgba[..., 3] = 255
    assert pixels_of(folder, encoded(Image.fromarray(rgba)), "one.png")[1] == []


def test_half_transparent_pixels_are_mixed_with_white(folder: Path) -> None:
    rgba = np.full((40, 30, 4), (255, 0, 0, 51), np.uint8)
    assert pixels_of(folder, encoded(Image.fromarray(rgba)), "one.png")[0][0, 0].tolist() == [255, 204, 204]


def test_a_transparent_colour_of_grey_or_rgb_is_white(folder: Path) -> None:
    image = Image.new("RGB", (30, 40), (9, 8, 7))
    pixels, problems = pixels_of(folder, encoded(image, transparency=(9, 8, 7)), "one.png")
    assert ((pixels == 255).all(), problems) == (True, [("transparent in places", "laid on white")])


@pytest.mark.parametrize("form", ["jpg", "tiff"])
def test_cmyk_becomes_rgb(folder: Path, form: str) -> None:
    content = encoded(photo().convert("CMYK"), form)
    pixels, problems = pixels_of(folder, content, f"one.{form}")
    assert np.abs(pixels.astype(int) - np.array(photo())).mean() < 4
    assert problems == [("CMYK", "converted to RGB without its colour profile")]


@pytest.mark.parametrize("form", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_says_which_side_is_up(folder: Path, form: str, orientation: int) -> None:
    upright = np.array(photo())
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if form == "webp" else {"quality": 100, "subsampling": 0} if form == "jpg" else {}
    content = encoded(Image.fromarray(np.ascontiguousarray(turned)), form, exif=exif, **options)
    pixels, problems = pixels_of(folder, content, f"one.{form}")
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).max() <= (6 if form == "jpg" else 0)
    assert problems == ([] if orientation == 1 else [("not upright, by its EXIF orientation", "turned")])


def test_the_size_of_a_turned_photograph_is_that_of_the_upright_one(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (folder / "cat" / "a.jpg").write_bytes(encoded(photo(300, 400), "jpg", exif=exif))
    pictures = read_pictures(folder)
    row = pictures.names.index("cat/a.jpg")
    assert (pictures.sizes[row].tolist(), pictures.pixels[row].shape) == ([400, 300], (64, 48, 3))
    (folder / "cat" / "a.tiff").write_bytes(encoded(photo(300, 400), "tiff", exif=exif))
    pictures = read_pictures(folder)
    row = pictures.names.index("cat/a.tiff")
    assert (pictures.sizes[row].tolist(), pictures.pixels[row].shape) == ([400, 300], (64, 48, 3))


def test_damaged_exif_does_not_cost_the_picture(folder: Path) -> None:
    content = encoded(photo(), exif=b"Exif\0\0MM\0*\0\0\xff\xff" + bytes(5))
    assert np.array_equal(pixels_of(folder, content, "one.png")[0], np.array(photo()))


def test_a_large_jpeg_is_close_to_what_full_decoding_gives(folder: Path) -> None:
    content = encoded(photo(1000, 800), "jpg", quality=95)
    pixels, _ = pixels_of(folder, content, "one.jpg")
    full = Image.open(io.BytesIO(content)).resize((51, 64), Image.Resampling.BILINEAR)
    assert np.abs(pixels.astype(int) - np.array(full)).max() <= 2


# --- folders ----------------------------------------------------------------------------------------------------------


def test_litter_and_hidden_files_are_passed_over_in_silence(folder: Path) -> None:
    for name in ("Thumbs.db", ".DS_Store", "cat/Thumbs.db", "cat/.hidden.png", "dog/desktop.ini", "cat/._0.png"):
        (folder / name).write_bytes(b"\0\1\2")
    (folder / ".git").mkdir()
    (folder / "__MACOSX").mkdir()
    pictures = read_pictures(folder)
    assert (len(pictures), pictures.problems) == (12, ())


def test_other_files_beside_are_named(folder: Path) -> None:
    (folder / "README.md").write_text("# Cats")
    (folder / "cat" / "notes.txt").write_text("a cat")
    pictures = read_pictures(folder)
    assert (len(pictures), problem_of(pictures, "README.md")) == (12, ("text", "passed over"))
    assert problem_of(pictures, "cat/notes.txt") == ("text", "passed over")


def test_nested_folders_belong_to_the_class_above_them(folder: Path) -> None:
    (folder / "cat" / "2024" / "may").mkdir(parents=True)
    photo().save(folder / "cat" / "2024" / "may" / "a.png")
    pictures = read_pictures(folder)
    assert (pictures.labels or ())[pictures.names.index("cat/2024/may/a.png")] == "cat"


def test_an_empty_class_folder_is_no_class(folder: Path) -> None:
    (folder / "bird").mkdir()
    pictures = read_pictures(folder)
    assert problem_of(pictures, "bird") == ("a folder without pictures", "no class of its own")
    assert set(pictures.labels or ()) == {"cat", "dog"}


def test_a_class_of_one_picture_is_said(folder: Path) -> None:
    (folder / "bird").mkdir()
    photo().save(folder / "bird" / "a.png")
    pictures = read_pictures(folder)
    assert problem_of(pictures, "bird") == ("a class of one picture", "kept; it cannot be tested")
    assert len(pictures) == 13
    _, y = np.unique(pictures.labels, return_inverse=True)
    assert pictures.names.index("bird/a.png") in split(13, y=y, stratify=True, seed=0).train


def test_a_link_to_the_folder_above_does_not_hang(folder: Path) -> None:
    (folder / "cat" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "dog" / "self").symlink_to(folder / "dog", target_is_directory=True)
    (folder / "dog" / "a").symlink_to(folder / "dog" / "b")
    (folder / "dog" / "b").symlink_to(folder / "dog" / "a")
    pictures = read_pictures(folder)
    assert problem_of(pictures, "dog/self") == ("a link to a folder that is read already", "not followed")
    assert problem_of(pictures, "dog/a") == ("a link that leads nowhere", "passed over")
    assert problem_of(pictures, "cat/up") == ("a link to a folder that is read already", "not followed")
    assert pictures.labels == ("cat",) * 6 + ("dog",) * 6
    assert len(read_pictures(folder, labelled=False)) == 12


def test_two_names_for_one_file_are_one_picture(folder: Path) -> None:
    (folder / "cat" / "9.png").symlink_to(folder / "cat" / "0.png")
    os.link(folder / "cat" / "1.png", folder / "cat" / "8.png")
    pictures = read_pictures(folder)
    assert len(pictures) == 12
    for name in ("cat/8.png", "cat/9.png"):
        assert problem_of(pictures, name) == ("another name of a file that is there already", "counted once")


def test_copies_within_a_class_are_counted(folder: Path) -> None:
    for name in ("6.png", "7.png"):
        (folder / "cat" / name).write_bytes((folder / "cat" / "0.png").read_bytes())
    pictures = read_pictures(folder)
    assert len(pictures) == 14
    assert pictures.findings() == [
        "2 × the same pixels twice in one class; both kept: cat/6.png = cat/0.png, cat/7.png = cat/0.png"
    ]


@pytest.mark.parametrize("how", ["copy", "link"])
def test_one_picture_under_two_classes_is_named(folder: Path, how: str) -> None:
    if how == "copy":
        (folder / "dog" / "cat.png").write_bytes((folder / "cat" / "0.png").read_bytes())
    else:
        (folder / "dog" / "cat.png").symlink_to(folder / "cat" / "0.png")
    reason, done = problem_of(read_pictures(folder), "dog/cat.png = cat/0.png")
    assert reason == "the same pixels under two labels, of which one is wrong"
    assert done == "kept under both"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "cat" / "pipe.png")
    assert problem_of(read_pictures(folder), "cat/pipe.png") == ("no ordinary file", "passed over")


def test_odd_names(folder: Path) -> None:
    long = "x" * 240 + ".png"
    for name in ("Füße 猫 🐈.png", "a\nb.png", " .png", long):
        photo().save(folder / "cat" / name)
    os.rename(folder / "cat" / "5.png", os.fsencode(folder / "cat") + b"/\xff.png")
    (folder / "cat" / long).write_bytes(b"")
    pictures = read_pictures(folder)
    assert "cat/Füße 猫 🐈.png" in pictures.names
    assert "cat/\\xff.png" in pictures.names
    assert len(pictures) == 15
    (line,) = [line for line in pictures.findings() if "empty" in line]
    assert line == f"1 × an empty file; left out: cat/{'x' * 35}…{'x' * 35}.png"
    assert all(name.encode() for name in pictures.names)


def test_class_names_that_look_alike_are_one_class(tmp_path: Path) -> None:
    for label in ("caf\u00e9", "cafe\u0301", "th\u00e9"):
        (tmp_path / label).mkdir()
        photo().save(tmp_path / label / "a.png")
    assert sorted(set(read_pictures(tmp_path).labels or ())) == ["caf\u00e9", "th\u00e9"]


# --- refused ----------------------------------------------------------------------------------------------------------


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"expected pictures, found none$"):
        read_pictures(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("a")
    with pytest.raises(SourceError, match=r"found none, but a/notes\.txt \(text\), a \(a folder without pictures\)"):
        read_pictures(tmp_path)


def test_pictures_without_class_folders(tmp_path: Path) -> None:
    for number in range(5):
        photo().save(tmp_path / f"{number}.png")
    with pytest.raises(SourceError, match=r"expected pictures in one folder for each class, found 5 in no class \(0"):
        read_pictures(tmp_path)
    pictures = read_pictures(tmp_path, labelled=False)
    assert (len(pictures), pictures.labels) == (5, None)
    assert len(read_pictures(tmp_path / "0.png", labelled=False)) == 1


def test_pictures_in_one_class_only(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    photo().save(tmp_path / "images" / "a.png")
    with pytest.raises(SourceError, match=r"expected at least two folders of pictures, .* found only 'images'"):
        read_pictures(tmp_path)


def test_more_than_half_unreadable_is_refused(folder: Path) -> None:
    for label in ("cat", "dog"):
        for number in range(7):
            (folder / label / f"bad{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(
        SourceError, match=r"found that only 12 of 26 can \(cat/bad0\.jpg: (cut short|damaged); cat/bad1"
    ):
        read_pictures(folder)


def test_a_class_of_which_nothing_can_be_read_is_refused(folder: Path) -> None:
    for path in (folder / "cat").iterdir():
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match=r"found that none of class 'cat' of 12 can \(cat/0\.png: cut short; .*again"):
        read_pictures(folder)


def test_findings_count_and_name(folder: Path) -> None:
    for number in range(4):
        (folder / "cat" / f"bad{number}.png").write_bytes(b"")
    lines = read_pictures(folder).findings()
    assert lines == ["4 × an empty file; left out: cat/bad0.png, cat/bad1.png, cat/bad2.png, …"]


def test_an_interruption_does_not_wait_for_the_rest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(1_000):
        (folder / "dog" / f"copy{number}.png").write_bytes(b"")
    begun = []
    attempt = reading.attempt
    monkeypatch.setattr(reading, "attempt", lambda one, size: (begun.append(one), attempt(one, size))[1])

    def interrupting(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_pictures(folder, progress=interrupting)
    assert len(begun) < 700


def test_progress_is_told_up_to_the_end(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    read_pictures(folder, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (12, 12)


def test_webp_can_be_read_here() -> None:
    assert features.check("webp")
