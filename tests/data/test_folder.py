"""Folders of images, as a phone, a scanner or a drawing program writes them: what becomes of each.

Every image is so small, or so plain, that its pixels can be told.
"""

import os
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from bad_input import png
from conftest import refusal, run_here
from PIL import Image

from gan import train
from gan.data import load_images
from gan.formats import folder as folders
from gan.formats import photo
from gan.formats.folder import listed
from gan.support import memory
from gan.support.errors import UserError

SIDE = 16
Turn = Image.Transpose
# What a camera that was held in this way writes: the value of its tag, and how its pixels lie.
ORIENTATIONS = {
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_90,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_270,
}


def quadrants(height=SIDE, width=SIDE + 8) -> Image.Image:
    """Red, green, blue and black: no two of its eight positions are the same."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for channel, (rows, columns) in enumerate([(0, 0), (0, 1), (1, 0)]):
        pixels[rows * height // 2 :, columns * width // 2 :][
            : height // 2, : width // 2, channel
        ] = 240
    return Image.fromarray(pixels)


def digit(side=SIDE) -> np.ndarray:
    """An image of a grey square on a black ground, uint8."""
    pixels = np.zeros((side, side), np.uint8)
    pixels[4:12, 4:12] = 200
    return pixels


@pytest.fixture
def loaded(tmp_path):
    """Load the images of `tmp_path`; `said` has the lines that were printed."""

    def load(*image_size, **options):
        load.said = []
        return load_images(str(tmp_path), image_size or None, load.said.append, **options).images

    return load


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "avif", "mpo"])
def test_an_image_is_turned_as_it_was_seen(tmp_path, loaded, ending):
    for value, turn in ORIENTATIONS.items():
        exif = Image.Exif()
        exif[0x0112] = value
        options = {"lossless": True} if ending == "webp" else {"quality": 100}
        options |= {"save_all": True, "append_images": [quadrants()]} if ending == "mpo" else {}
        turned = quadrants().transpose(turn)
        turned.save(tmp_path / f"{value}.{ending}", exif=exif, **options)
    centres = (slice(None), [4, 4, 12, 12], [6, 18, 6, 18])
    expected = np.asarray(quadrants())[None][centres].astype(int)
    for size in ((), (SIDE, SIDE + 8)):
        assert np.abs(loaded(*size)[centres].astype(int) - expected).max() <= 12  # JPEG's rounding


def transparent(mode: str, folder: Path) -> None:
    """Black ink on transparency; under it lies a colour that must not show."""
    ink = digit() > 0
    match mode:
        case "RGBA":
            pixels = np.where(ink[..., None], [0, 0, 0, 255], [255, 0, 255, 0]).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "a.png")
        case "LA":
            pixels = np.where(ink[..., None], [0, 255], [255, 0]).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "a.png")
        case "WebP":
            pixels = np.where(ink[..., None], [0, 0, 0, 255], [255, 0, 255, 0]).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "a.webp", lossless=True, exact=True)
        case "palette" | "GIF":
            image = Image.fromarray((ink * 1).astype(np.uint8), "P")
            image.putpalette([255, 0, 255, 0, 0, 0])
            image.save(folder / ("a.gif" if mode == "GIF" else "a.png"), transparency=0)
        case "colour key":
            pixels = np.where(ink[..., None], [0, 0, 0], [255, 0, 255]).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "a.png", transparency=(255, 0, 255))
        case "grey key":
            pixels = np.where(ink, 0, 77).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "a.png", transparency=77)
        case "one bit":
            Image.fromarray(~ink).save(folder / "a.png", transparency=1)


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize(
    "mode", ["RGBA", "LA", "WebP", "palette", "GIF", "colour key", "grey key", "one bit"]
)
def test_dark_ink_on_transparency_is_laid_on_white(tmp_path, loaded, mode):
    transparent(mode, tmp_path)
    expected = np.where(digit() > 0, 0, 255)
    for channel in np.moveaxis(loaded()[0], -1, 0):
        np.testing.assert_array_equal(channel, expected)
    assert loaded.said == [
        "images with transparency: 1, dark ink in 1, light ink in 0, laid on white; "
        "--background chooses another"
    ]
    assert loaded(background="black").max() == 0  # as asked, though nothing is seen
    assert loaded.said == [
        "images with transparency: 1, dark ink in 1, light ink in 0, laid on black"
    ]
    halved = loaded(12, 12)[0, ..., 0]  # resizing brings no hidden colour in
    assert {*np.unique(halved[:2]), *np.unique(halved[5:7, 5:7])} == {0, 255}
    assert (loaded(12, 12)[0] == halved[..., None]).all()


def test_light_ink_is_laid_on_black_and_one_background_serves_the_set(tmp_path, loaded):
    for index, ink in enumerate((250, 250, 10)):
        pixels = np.dstack([np.full((SIDE, SIDE), ink, np.uint8), digit()])
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    Image.fromarray(digit()).save(tmp_path / "3.png")  # it has no transparency
    images = loaded()[..., 0]
    assert (
        "images with transparency: 3, dark ink in 1, light ink in 2, laid on black"
        in loaded.said[0]
    )
    np.testing.assert_array_equal(images[0], np.round(digit() / 255 * 250))
    np.testing.assert_array_equal(images[2], np.round(digit() / 255 * 10))
    np.testing.assert_array_equal(images[3], digit())


def test_all_kinds_are_read_by_their_content(tmp_path, loaded):
    kinds = {"a.png": "PNG", "b.bmp": "BMP", "c.gif": "GIF", "d.tif": "TIFF", "e": "PNG"}
    kinds |= {"f.jpg": "JPEG", "g.webp": "WEBP", "h.avif": "AVIF", "i.jpg": "PNG", "j.dat": "TIFF"}
    for name, kind in kinds.items():
        options = {"lossless": True} if kind == "WEBP" else {"quality": 100}
        Image.fromarray(digit()).convert("RGB").save(tmp_path / name, kind, **options)
    images = loaded()
    assert len(images) == len(kinds)
    assert np.abs(images.astype(int) - digit()[..., None]).max() <= 8
    assert loaded.said == []


def test_what_is_left_out_is_counted_and_named(tmp_path, loaded):
    for index in range(12):
        Image.fromarray(digit()).save(tmp_path / f"{index:02}.tiff")
        (tmp_path / f"{index}.heic").write_bytes(b"\0\0\0\x18ftypheic")
    for name in ("notes.txt", "README", "._0.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).write_text("no image", encoding="utf-8")
    (tmp_path / "cut.png").write_bytes(png(28, 28)[:40])
    (tmp_path / "cats").mkdir()
    Image.fromarray(digit()).save(tmp_path / "cats" / "tom.png")
    for hidden in (".git", "__MACOSX", "cats/@eaDir"):
        (tmp_path / hidden).mkdir()
        Image.fromarray(digit()).save(tmp_path / hidden / "a.png")
    (tmp_path / "host").symlink_to("/etc/hostname")
    (tmp_path / "home").symlink_to(tmp_path)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    counts = (
        "27 files: 12 taken; 14 of a kind that is not read: .heic (12), .txt (1), no ending (1); "
        "1 damaged, or no image: cut.png; {}2 links to a folder or out of this one: home, host; "
        "2 neither file nor folder: gone.png, pipe.png"
    )
    subfolders = "1 subfolder, read only with --subfolders: cats; "
    with pytest.raises(UserError, match=r"cut\.png; .*; mend or .*, or add --skip-damaged"):
        loaded()
    assert len(loaded(skip_damaged=True)) == 12
    assert loaded.said == [counts.format(subfolders)]
    assert len(loaded(skip_damaged=True, subfolders=True)) == 13
    assert loaded.said == [counts.format("").replace("27 files: 12", "28 files: 13")]
    assert listed([str(number) for number in range(12)]).endswith("8, 9 and 2 more")


def test_images_in_subfolders_come_in_the_order_of_their_paths(tmp_path, loaded):
    for index, name in enumerate(("b.png", "a/b.png", "c/a.png", "a/a.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(digit() + index).save(tmp_path / name)
    assert loaded(subfolders=True)[:, 0, 0, 0].tolist() == [3, 1, 0, 2]
    (tmp_path / "b.png").unlink()
    with pytest.raises(UserError, match="2 subfolders, read only with --subfolders: a, c"):
        loaded()


def test_sixteen_bits_are_scaled_by_one_range(tmp_path, loaded):
    dark, light = np.full((2, SIDE, SIDE), 1000, np.uint16)
    dark[0, 0], light[4:12, 4:12] = 100, 4095
    Image.fromarray(dark).save(tmp_path / "0.tif")
    Image.fromarray(light).save(tmp_path / "1.png")
    Image.fromarray(light.astype(np.float32)).save(tmp_path / "2.tif")
    Image.fromarray(light.astype(">u2")).save(tmp_path / "3.tif")
    Image.fromarray(digit()).save(tmp_path / "4.png")
    images = loaded()[..., 0]
    assert loaded.said == [
        "grey images of 16 bits or more: 4, scaled by one range: 100 becomes 0, 4095 becomes 255"
    ]
    grey = round(900 / 3995 * 255)
    assert (images[0, 0, 0], images[0, 5, 5], images[1, 0, 0]) == (0, grey, grey)
    for deep in images[1:4]:
        np.testing.assert_array_equal(deep, np.where(light > 1000, 255, grey))
    np.testing.assert_array_equal(images[4], digit())
    assert loaded(12, 12).max() == 255
    Image.fromarray(np.full((SIDE, SIDE), np.nan, np.float32)).save(tmp_path / "5.tif")
    Image.fromarray(digit()).convert("RGB").convert("LAB").save(tmp_path / "6.tif")
    unused = r"5\.tif \(pixels that are NaN or infinite\), 6\.tif \(LAB colours\)"
    with pytest.raises(UserError, match=unused):
        loaded()
    assert len(loaded(skip_damaged=True)) == 5


def tiff(pixels: np.ndarray, bits: int, file: Path, **tags: int) -> None:
    """Write grey pixels as a TIFF that Pillow itself does not write; `tags` by their numbers."""
    data = pixels.tobytes()
    entries = {256: SIDE, 257: SIDE, 258: bits, 259: 1, 262: 1, 277: 1, 278: SIDE, 279: len(data)}
    entries |= {int(tag[1:]): value for tag, value in tags.items()} | {273: 8}
    table = b"".join(struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    file.write_bytes(head + data + struct.pack("<H", len(entries)) + table + bytes(4))


def test_deep_tiffs_of_other_programs_have_their_greys(tmp_path, loaded):
    white_is_zero = np.where(digit() > 0, 100, 4000).astype("<u2")
    tiff(white_is_zero, 16, tmp_path / "a.tif", _262=0)
    np.testing.assert_array_equal(loaded()[0, ..., 0], np.where(digit() > 0, 255, 0))
    unsigned = np.where(digit() > 0, 3_000_000_000, 10).astype("<u4")
    tiff(unsigned, 32, tmp_path / "a.tif", _339=1)
    np.testing.assert_array_equal(loaded()[0, ..., 0], np.where(digit() > 0, 255, 0))
    tiff(np.where(digit() > 0, 100, -100).astype("i1"), 8, tmp_path / "a.tif", _339=2)
    with pytest.raises(UserError, match=r"a\.tif \(signed bytes\)"):
        loaded()


def test_a_cameras_raw_files_are_not_taken_for_their_thumbnails(tmp_path, loaded):
    Image.fromarray(digit()).save(tmp_path / "a.jpg")
    Image.fromarray(digit()).save(tmp_path / "a.NEF", "TIFF")
    tiff(digit(), 8, tmp_path / "a.unknown", _254=1)
    assert len(loaded()) == 1
    assert loaded.said == ["3 files: 1 taken; 2 of a kind that is not read: .nef (1), .unknown (1)"]


def png_of_depth(pixels: np.ndarray, depth: int, colour: int, key: bytes) -> bytes:
    """A PNG of this bit depth and colour type, with a transparent colour `key`."""
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, 0)),
        (b"tRNS", key),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.mark.parametrize("depth", [2, 4])
def test_a_transparent_grey_of_few_bits(tmp_path, loaded, depth):
    grey = np.where(digit() > 0, 0, 2)  # black ink; grey number 2 is transparent
    packed = np.packbits((grey[..., None] >> np.arange(depth)[::-1]) & 1, axis=None)
    rows = packed.reshape(SIDE, -1)
    (tmp_path / "a.png").write_bytes(png_of_depth(rows, depth, 0, struct.pack(">H", 2)))
    np.testing.assert_array_equal(loaded()[0, ..., 0], np.where(digit() > 0, 0, 255))


def test_colours_of_sixteen_bits_keep_their_transparency_and_are_named(tmp_path, loaded):
    colours = np.where(digit()[..., None] > 0, 0, 0xAB00).repeat(3, axis=2).astype(">u2")
    rows = np.ascontiguousarray(colours.reshape(SIDE, -1))
    (tmp_path / "a.png").write_bytes(png_of_depth(rows, 16, 2, struct.pack(">3H", *3 * [0xAB00])))
    assert (loaded()[0] == np.where(digit() > 0, 0, 255)[..., None]).all()
    assert loaded.said[1] == "colour images of 16 bits: 1; only their upper 8 bits are used"


@pytest.mark.parametrize("block", [b"garbage", b"II*\0", b"MM\0*\0\0\0\x08\0\x01\x01\x1a\0\x02"])
def test_damaged_exif_is_not_a_damaged_image(tmp_path, loaded, block):
    Image.fromarray(digit()).save(tmp_path / "a.png", exif=b"Exif\0\0" + block)
    Image.fromarray(digit()).save(tmp_path / "b.jpg", exif=b"Exif\0\0" + block, quality=100)
    np.testing.assert_array_equal(loaded()[0, ..., 0], digit())


def test_odd_tags_beside_the_orientation_do_no_harm(tmp_path, loaded):
    odd_tags = (struct.pack("<HHI4s", 0x0100, 2, 4, b"big"), struct.pack("<HHIi", 0x0102, 9, 1, -8))
    for index, odd in enumerate(odd_tags):
        exif = struct.pack("<2sHIH", b"II", 42, 8, 2) + odd + struct.pack("<HHII", 0x0112, 3, 1, 6)
        turned = quadrants().transpose(ORIENTATIONS[6])
        block = b"Exif\0\0" + exif + bytes(4)
        turned.save(tmp_path / f"{index}.jpg", exif=block, quality=100)
    images = loaded().astype(int)
    assert np.abs(images - np.asarray(quadrants())).mean() < 8


def test_a_file_that_only_begins_like_an_image_is_none(tmp_path, loaded):
    Image.fromarray(digit()).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("BMW is a car, and GIF89a is not", encoding="utf-8")
    assert len(loaded()) == 1
    frames = [Image.fromarray(digit()), Image.fromarray(digit() // 2)]
    frames[0].save(tmp_path / "b.gif", save_all=True, append_images=frames[1:])
    content = (tmp_path / "b.gif").read_bytes()
    (tmp_path / "b.gif").write_bytes(content[:-20])  # its second picture is cut off
    assert len(loaded()) == 2


def test_the_first_of_several_pictures_is_used(tmp_path, loaded):
    frames = [Image.fromarray(digit() // (1 + index)) for index in range(3)]
    for name in ("a.gif", "b.tif", "c.png", "d.webp"):
        options = {"lossless": True} if name == "d.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **options)
    for image in loaded()[..., 0]:
        np.testing.assert_array_equal(image, digit())
    assert loaded.said[-1].endswith(
        "is used of files that hold several: a.gif, b.tif, c.png, d.webp"
    )


def test_large_photos_are_read_if_a_size_is_given(tmp_path, loaded, monkeypatch):
    blocks = np.random.default_rng(0).integers(0, 2, (16, 24), np.uint8) * 255
    Image.fromarray(blocks.repeat(6, axis=0).repeat(6, axis=1)).save(tmp_path / "a.jpg")
    whole = loaded(16, 24)
    monkeypatch.setattr(photo, "LARGE", 1000)  # so JPEG's decoder halves this one
    reduced = loaded(16, 24)
    assert 0 < np.abs(whole.astype(int) - reduced).mean() < 10
    assert whole.std() > 50
    monkeypatch.setattr("gan.support.memory.available", lambda: 20_000)
    with pytest.raises(UserError, match=r"a\.jpg \(96x144 pixels\) needs 0 MB of memory, 0 MB is"):
        loaded(16, 24)


def test_a_set_that_memory_cannot_hold_is_refused_at_its_first_image(tmp_path, loaded, monkeypatch):
    for index in range(40):
        Image.fromarray(digit()).save(tmp_path / f"{index}.png")
        (tmp_path / f"{index}.ogg").write_bytes(b"no image")
    monkeypatch.setattr("gan.support.memory.available", lambda: 3 * 40 * SIDE**2 - 1)
    with pytest.raises(UserError, match=f"{tmp_path}: to train on 40 images 16x16 needs 0 MB"):
        loaded()
    monkeypatch.setattr("gan.support.memory.available", lambda: 3 * 40 * SIDE**2)
    assert len(loaded()) == 40


def test_a_containers_limit_counts_but_not_its_cache_of_files(tmp_path, monkeypatch):
    for name, text in {
        "max": "8000\n",
        "current": "7900\n",
        "stat": "anon 1\ninactive_file 500\n",
    }.items():
        (tmp_path / f"memory.{name}").write_text(text, encoding="utf-8")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.available() == 600
    (tmp_path / "memory.max").write_text("max\n", encoding="utf-8")
    assert memory.available() > 10**6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            ({"image_size": size}, "image_size must be")
            for size in (64, (0, 0), (28.0, 28.0), "28")
        ),
        ({"background": "grey"}, "background must be white or black, not 'grey'"),
    ],
)
def test_options_that_no_folder_has_are_refused_first(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        load_images(str(tmp_path / "nowhere"), **options)


def test_no_permission_is_said_as_that():
    with tempfile.TemporaryDirectory() as name:  # in pytest's own only root may look
        file = Path(name) / "a.png"
        Image.fromarray(digit()).save(file)
        (Path(name) / "closed").mkdir(mode=0)
        file.chmod(0)
        os.chmod(name, 0o755)
        user = os.geteuid()
        os.seteuid(user or 12345)
        try:
            with pytest.raises(UserError, match=r"a\.png cannot be read: Permission denied"):
                load_images(name)
            with pytest.raises(UserError, match="closed cannot be read: Permission denied"):
                load_images(name, subfolders=True)
        finally:
            os.seteuid(user)


def test_images_that_are_all_equal_are_warned_of(tmp_path, loaded):
    for index in range(2):
        Image.fromarray(digit()).save(tmp_path / f"{index}.png")
    assert "ALL IMAGES OF" in load_images(str(tmp_path)).warning
    for index in range(2):
        Image.fromarray(digit() * 0).save(tmp_path / f"{index}.png")
    assert "ALL PIXELS OF" in load_images(str(tmp_path)).warning
    Image.fromarray(digit()).save(tmp_path / "2.png")
    assert load_images(str(tmp_path)).warning is None
    for index in range(2):
        (tmp_path / f"{index}.png").unlink()
    assert load_images(str(tmp_path)).warning is None  # one image


def test_older_folders_have_the_digest_that_they_had(tmp_path):
    """As the version computed it that knew neither orientation nor transparency."""
    random = np.random.default_rng(0)
    grey = Image.fromarray(random.integers(0, 256, (20, 24), np.uint8))
    colour = Image.fromarray(random.integers(0, 256, (20, 24, 3), np.uint8))
    for name, images in {"grey": [grey, grey.convert("1"), grey.convert("LA")], "all": []}.items():
        (tmp_path / name).mkdir()
        images = images or [grey, colour, colour.convert("P"), colour.convert("RGBA")]
        for index, image in enumerate(images):
            image.save(tmp_path / name / f"{index}.png")
        images[0].save(tmp_path / name / "8.bmp")
        images[1].save(tmp_path / name / "9.gif")
    found = [
        load_images(str(tmp_path / name), size, lambda line: None).digest[:8]
        for name in ("grey", "all")
        for size in (None, (12, 16))
    ]
    assert found == ["e61a3bf9", "9c0df86e", "3586d5a0", "430a7580"]


def test_a_run_reads_its_folder_again_as_it_did(tmp_path, capsys, short_runs, monkeypatch):
    data = tmp_path / "photos"
    (data / "more").mkdir(parents=True)
    for index in range(8):
        pixels = np.dstack([np.full((SIDE, SIDE), 10 * index, np.uint8), digit()])
        Image.fromarray(pixels).save(data / "more" / f"{index}.png")
    (data / "cut.png").write_bytes(png(28, 28)[:40])
    run = ["dense-sgd", "--root", tmp_path, "--batch-size", 8]
    options = ["--data", data, "--subfolders", "--skip-damaged", "--background", "black"]
    picture = tmp_path / "new" / "shown.png"
    assert run_here(train.main, *run, *options, "--show-data", picture) == 0
    out = capsys.readouterr().out
    assert "data    photos, 8 images 16x16, grey (" in out
    assert "of 8 of them; nothing was trained" in out
    assert not (tmp_path / "experiments").exists()
    shown = np.asarray(Image.open(picture))
    assert shown.shape == (4 * 48, 2 * 48)
    assert shown[6 * 3, 48 + 6 * 3] == round(10 * 200 / 255)  # the second image
    assert run_here(train.main, *run, *options, "--steps", 1) == 0
    assert run_here(train.main, *run, "--steps", 2) == 0
    out = capsys.readouterr().out
    assert "data    photos, 8 images 16x16, grey (" in out
    assert "going on after step 1" in out

    assert "background" in refusal(train.main, *run, "--background", "grey")
    changed = "other images of photos: they, or the options for them, have changed"
    assert changed in refusal(train.main, *run, "--background", "white")
    Image.fromarray(digit()).save(data / "new.png")
    assert changed in refusal(train.main, *run, "--steps", 3)
    (data / "new.png").unlink()
    inside = data / "more" / "shown.png"
    assert "would be in the data's folder" in refusal(train.main, *run, "--show-data", inside)

    data.rename(tmp_path / "moved")
    said = refusal(train.main, *run, "--steps", 3)
    assert f"started with photos, which is not at {data} any more; if it has moved" in said
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "moved"))
    assert run_here(train.main, *run, "--steps", 3) == 0
    assert run_here(train.main, *run, "--steps", 3) == 0  # it is finished
    again = f"--data {tmp_path / 'moved'} --background black --subfolders --skip-damaged --fresh\n"
    assert again in capsys.readouterr().out
    other = tmp_path / "other.npy"
    np.save(other, np.stack(8 * [digit(), digit() // 2]))
    assert run_here(train.main, *run, "--steps", 1, "--fresh", "--data", other) == 0
    assert "the run used other images, moved" in capsys.readouterr().out


def test_a_long_reading_says_how_far_it_is(tmp_path, loaded, monkeypatch):
    for index in range(3):
        Image.fromarray(digit()).save(tmp_path / f"{index}.png")
    monkeypatch.setattr(folders, "SECONDS_BETWEEN_LINES", -1)
    loaded()
    assert loaded.said[1] == "read 1 of 3 files"
