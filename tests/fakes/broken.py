"""Defects of data sets, each made in a folder that is sound otherwise; what must be said: `fakes/defects.py`.

The sound folder: `photo1` to `photo11` as 12x16 JPEG, masks of 0, 1, 2 and 255, `train.txt` and `val.txt`, no schema.
"""

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io
import tifffile
from PIL import Image

from fakes.folder import NAMES, fake_folder


def sound_folder(folder: Path) -> Path:
    """Nothing to complain of but a small `val`."""
    fake_folder(folder, size=(24, 32))
    (folder / "train.txt").write_text("".join(f"{name}\n" for name in NAMES[:8]))
    (folder / "val.txt").write_text("".join(f"{name}\n" for name in NAMES[8:]))
    return folder


def mask_of(folder: Path, name: str = "photo1") -> np.ndarray:
    return np.array(Image.open(folder / f"masks/{name}.png"))


def save_mask(folder: Path, values: np.ndarray, name: str = "photo1") -> None:
    Image.fromarray(values).save(folder / f"masks/{name}.png")


def without_lists(folder: Path) -> None:
    for path in folder.glob("*.txt"):
        path.unlink()


def schema(folder: Path, text: str = 'classes = ["land", "sea", "sky"]\n') -> None:
    (folder / "schema.toml").write_text(text)


def each_mask(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    for name in NAMES:
        save_mask(folder, change(mask_of(folder, name)), name)


def cut(path: Path, *, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


# Pairs, files and lists.


def no_mask(folder: Path) -> None:
    without_lists(folder)
    (folder / "masks/photo5.png").unlink()


def no_image(folder: Path) -> None:
    without_lists(folder)
    (folder / "images/photo5.jpg").unlink()


def listed_without_mask(folder: Path) -> None:
    (folder / "masks/photo5.png").unlink()


def empty_images(folder: Path) -> None:
    shutil.rmtree(folder / "images")
    (folder / "images").mkdir()


def no_masks_folder(folder: Path) -> None:
    shutil.rmtree(folder / "masks")


def empty_masks(folder: Path) -> None:
    shutil.rmtree(folder / "masks")
    (folder / "masks").mkdir()


def same_stem_images(folder: Path) -> None:
    Image.new("RGB", (32, 24)).save(folder / "images/photo5.png")


def same_stem_masks(folder: Path) -> None:
    Image.new("L", (32, 24)).save(folder / "masks/photo5.bmp")


def file_and_folder_of_one_name(folder: Path) -> None:
    (folder / "masks/photo5").mkdir()
    Image.new("L", (32, 24), 1).save(folder / "masks/photo5/cat.png")


def two_kinds_of_masks(folder: Path) -> None:
    (folder / "annotations.json").write_text("{}")


def two_layouts(folder: Path) -> None:
    (folder / "leftImg8bit").mkdir()


def linked_folder(folder: Path) -> None:
    (folder / "images/more").symlink_to(folder / "masks", target_is_directory=True)


def link_to_nothing(folder: Path) -> None:
    (folder / "images/photo5.jpg").unlink()
    (folder / "images/photo5.jpg").symlink_to(folder / "gone.jpg")


def link_loop(folder: Path) -> None:
    (folder / "masks/photo5.png").unlink()
    (folder / "masks/photo5.png").symlink_to(folder / "masks/photo5.png")


def split_folder_without_masks(folder: Path) -> None:
    for part in ("images", "masks"):
        (folder / "train").mkdir(exist_ok=True)
        (folder / part).rename(folder / "train" / part)
    without_lists(folder)
    (folder / "val/images").mkdir(parents=True)


def one_picture(folder: Path) -> None:
    without_lists(folder)
    for name in NAMES[1:]:
        (folder / f"images/{name}.jpg").unlink()
        (folder / f"masks/{name}.png").unlink()


def append(folder: Path, name: str, line: str) -> None:
    with (folder / name).open("a") as file:
        file.write(line)


def everything_in_val(folder: Path) -> None:
    (folder / "train.txt").unlink()
    (folder / "val.txt").write_text("\n".join(NAMES))


# Pictures and masks that cannot be read as such.


def not_a_picture(folder: Path) -> None:
    (folder / "images/photo5.jpg").write_text("404: not found")


def huge_image(folder: Path) -> None:
    """A PNG of a few bytes that says it has 100000 x 100000 pixels."""
    path = folder / "images/photo5.jpg"
    Image.new("1", (1, 1)).save(path, format="PNG")
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(content)


def float_image(folder: Path) -> None:
    (folder / "images/photo5.jpg").unlink()
    Image.fromarray(np.zeros((24, 32), np.float32)).save(folder / "images/photo5.tif")


def other_bands(folder: Path) -> None:
    (folder / "images/photo5.jpg").unlink()
    bands = np.random.default_rng(0).integers(0, 256, (24, 32, 5), np.uint8)
    tifffile.imwrite(folder / "images/photo5.tif", bands, photometric="minisblack", planarconfig="contig")


def jpeg_mask(folder: Path) -> None:
    Image.open(folder / "masks/photo5.png").save(folder / "masks/photo5.jpg")
    (folder / "masks/photo5.png").unlink()


def inked_mask(folder: Path) -> None:
    Image.new("CMYK", (32, 24)).save(folder / "masks/photo5.tif")
    (folder / "masks/photo5.png").unlink()


def float_mask(folder: Path) -> None:
    Image.fromarray(np.full((24, 32), 0.5, np.float32)).save(folder / "masks/photo5.tif")
    (folder / "masks/photo5.png").unlink()


def transparent_mask(folder: Path) -> None:
    Image.new("RGBA", (32, 24), (1, 1, 1, 7)).save(folder / "masks/photo5.png")


def matlab_mask(folder: Path) -> None:
    scipy.io.savemat(folder / "masks/photo5.mat", {"a": np.eye(3), "b": np.eye(3)})
    (folder / "masks/photo5.png").unlink()


def labelme(folder: Path, content: str) -> None:
    schema(folder)
    (folder / "masks/photo5.png").unlink()
    (folder / "masks/photo5.json").write_text(content)


def unknown_label(folder: Path) -> None:
    corners = [[1, 1], [9, 1], [9, 9]]
    shapes = [{"label": "boat", "points": corners, "shape_type": "polygon"}]
    labelme(folder, json.dumps({"imageHeight": 24, "imageWidth": 32, "shapes": shapes}))


def coco_stranger(folder: Path) -> None:
    shutil.rmtree(folder / "masks")
    size = {"height": 24, "width": 32}
    images = [{"id": number, "file_name": f"{name}.jpg", **size} for number, name in enumerate(NAMES)]
    annotation = {"id": 1, "image_id": 77, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]], "area": 40}
    content = {"images": images, "annotations": [annotation], "categories": [{"id": 1, "name": "cat"}]}
    (folder / "annotations.json").write_text(json.dumps(content))


# Sizes.


def other_size(folder: Path) -> None:
    save_mask(folder, np.zeros((12, 16), np.uint8), "photo5")


def turned_by_exif(folder: Path) -> None:
    picture = Image.open(folder / "images/photo5.jpg")
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(folder / "images/photo5.jpg", exif=exif)


# What masks say.


def zero_and_255(folder: Path) -> None:
    each_mask(folder, lambda mask: np.where(mask == 1, 255, 0).astype(np.uint8))


def gap_in_numbers(folder: Path) -> None:
    each_mask(folder, lambda mask: np.where(mask == 2, 9, mask).astype(np.uint8))


def smoothed_masks(folder: Path) -> None:
    each_mask(folder, lambda mask: np.arange(mask.size, dtype=np.uint8).reshape(mask.shape))


def only_zero(folder: Path) -> None:
    each_mask(folder, np.zeros_like)


def foreground_ignored(folder: Path) -> None:
    zero_and_255(folder)
    schema(folder, 'classes = ["road", "crack"]\n')


def stray_value(folder: Path) -> None:
    schema(folder)
    mask = mask_of(folder)
    mask[0, :2] = 77
    save_mask(folder, mask)


def colors_without_schema(folder: Path) -> None:
    palette = np.zeros((256, 3), np.uint8)
    palette[:3] = [(0, 0, 0), (0, 200, 0), (30, 0, 90)]
    each_mask(folder, lambda mask: palette[mask])


COLORED = (
    'classes = ["land", "sea", "sky"]\ncolors = [[0, 0, 0], [0, 200, 0], [30, 0, 90]]\nremap = { "#ffffff" = 255 }\n'
)


def stray_color(folder: Path) -> None:
    colors_without_schema(folder)
    schema(folder, COLORED)
    mask = mask_of(folder)
    mask[0, :2] = (1, 2, 3)
    save_mask(folder, mask)


def ambiguous_greys(folder: Path) -> None:
    each_mask(folder, lambda mask: np.stack([np.minimum(mask, 2)] * 3, axis=2))
    schema(folder, 'classes = ["a", "b", "c"]\ncolors = [[0, 0, 0], [2, 2, 2], [1, 1, 1]]\n')


def nothing_labelled(folder: Path) -> None:
    schema(folder)
    for name in NAMES[:8]:
        save_mask(folder, np.full((24, 32), 255, np.uint8), name)


# What costs quality.


def in_masks(folder: Path, change: Callable[[np.ndarray], np.ndarray], names: tuple[str, ...] = NAMES) -> None:
    schema(folder)
    for name in names:
        save_mask(folder, change(mask_of(folder, name)), name)


def unseen_in_train(folder: Path) -> None:
    in_masks(folder, lambda mask: np.where(mask == 2, 0, mask).astype(np.uint8), NAMES[:8])


def never_seen(folder: Path) -> None:
    schema(folder, 'classes = ["land", "sea", "sky", "ice"]\n')


def rare(folder: Path) -> None:
    in_masks(folder, lambda mask: np.minimum(mask, 1) * 0)
    mask = mask_of(folder)
    mask[0, 0] = 1
    mask[1:] = 2
    save_mask(folder, mask)
    mask[0, 0] = 0
    save_mask(folder, mask, NAMES[8])


def one_class(folder: Path) -> None:
    in_masks(folder, lambda mask: np.where(mask == 255, 255, 1).astype(np.uint8))


def background_ignored(folder: Path) -> None:
    schema(folder, 'classes = ["crack", "hole"]\nremap = { 0 = 255, 1 = 0, 2 = 1 }\n')
    each_mask(folder, lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) % 4 > 0, 0, mask).astype(np.uint8))


def much_ignored(folder: Path) -> None:
    in_masks(
        folder, lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) % 4 > 0, 255, mask).astype(np.uint8)
    )


def void_is_a_class(folder: Path) -> None:
    schema(folder, 'classes = ["void", "sea", "sky"]\n')


def empty_mask(folder: Path) -> None:
    in_masks(folder, lambda mask: np.full_like(mask, 255), ("photo5",))


def same_color(folder: Path) -> None:
    schema(folder, 'classes = ["land", "sea", "sky"]\ncolors = [[0, 0, 0], [0, 9, 9], [0, 9, 9]]\n')


def palettes_disagree(folder: Path) -> None:
    for name, color in (("photo1", (9, 9, 9)), ("photo2", (200, 0, 0))):
        mask = Image.fromarray(mask_of(folder, name))
        mask.putpalette(np.array([(0, 0, 0), color, (1, 2, 3)] + [(0, 0, 0)] * 253, np.uint8).tobytes())
        mask.save(folder / f"masks/{name}.png")


def copied_into_val(folder: Path) -> None:
    shutil.copy(folder / "images/photo2.jpg", folder / "images/photo9.jpg")


def scene(seed: int) -> Image.Image:
    """Soft shapes that survive compression."""
    greys = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(greys).resize((128, 96), Image.Resampling.BICUBIC)


def nearly_in_val(folder: Path) -> None:
    for number, name in enumerate(NAMES):
        scene(number).save(folder / f"images/{name}.jpg", quality=95)
        Image.fromarray(mask_of(folder, name)).resize((128, 96), Image.Resampling.NEAREST).save(
            folder / f"masks/{name}.png"
        )
    scene(1).point(lambda value: min(value + 6, 255)).save(folder / "images/photo9.jpg", quality=40)


def contradicting_masks(folder: Path) -> None:
    shutil.copy(folder / "images/photo2.jpg", folder / "images/photo3.jpg")
    save_mask(folder, np.ones((24, 32), np.uint8), "photo3")


# What is worth knowing.


def greys_as_rgb(folder: Path) -> None:
    save_mask(folder, np.stack([mask_of(folder)] * 3, axis=2))


def palette_mask(folder: Path) -> None:
    mask = Image.fromarray(mask_of(folder))
    mask.putpalette(bytes(range(256)) * 3)
    mask.save(folder / "masks/photo1.png")


def no_ignore(folder: Path) -> None:
    each_mask(folder, lambda mask: np.minimum(mask, 2))


def unscored(folder: Path) -> None:
    in_masks(folder, lambda mask: np.where(mask == 2, 0, mask).astype(np.uint8), NAMES[8:])


def repeated(folder: Path) -> None:
    for part, suffix in (("images", "jpg"), ("masks", "png")):
        shutil.copy(folder / f"{part}/photo2.{suffix}", folder / f"{part}/photo3.{suffix}")
