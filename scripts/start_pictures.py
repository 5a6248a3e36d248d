"""Draw the pictures of docs/start.md from generated scenes: python scripts/start_pictures.py FOLDER.

FOLDER gets the data set `lake`, as a labelling tool may leave one (masks of grey values, no lists, no schema), the run,
and the pages. Training takes a quarter of an hour on one core of a busy machine. The browser is Chromium of the system.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from atrous.cli.main import main
from atrous.demo.scenes import SCENE_LABELS, write_scenes

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
STEP = 30
"""Distance of two grey values in the masks."""


def write_data():
    """Sixty scenes to train on, and four new ones."""
    write_scenes(Path("lake"), train=60, val=0, seed=7)
    write_scenes(Path("new"), train=4, val=0, seed=99)
    for name in ("schema.toml", "train.txt", "val.txt"):
        Path("lake", name).unlink(missing_ok=True)
    for path in Path("lake/masks").glob("*.png"):
        Image.fromarray(np.asarray(Image.open(path)).astype(np.uint8) * STEP).save(path)


def name_classes():
    """What a user does by hand in the proposed schema."""
    path = Path("lake/schema.toml")
    text = path.read_text().replace('"background"', f'"{SCENE_LABELS.names[0]}"')
    for number, name in enumerate(SCENE_LABELS.names):
        text = text.replace(f'"grey {number * STEP}"', f'"{name}"')
    path.write_text(text)


def row(paths, out):
    """Pictures side by side."""
    pictures = [Image.open(path).convert("RGB") for path in paths]
    width, height = sum(picture.width + 8 for picture in pictures) - 8, max(picture.height for picture in pictures)
    joined = Image.new("RGB", (width, height), "white")
    left = 0
    for picture in pictures:
        joined.paste(picture, (left, 0))
        left += picture.width + 8
    joined.save(out, quality=88)


def photograph(pages):
    """The upper part of pages, as a browser shows them."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (file, height) in pages.items():
            page = browser.new_page(viewport={"width": 1000, "height": height})
            page.goto(Path(file).resolve().as_uri())
            page.wait_for_timeout(1000)
            page.screenshot(path=IMAGES / name)
            Image.open(IMAGES / name).convert("P", palette=Image.Palette.ADAPTIVE).save(IMAGES / name, optimize=True)


def run(*words):
    """A command of ours."""
    print("atrous", *words)
    main(words)


if __name__ == "__main__":
    import os

    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    if not Path("runs/lake/last.safetensors").exists():
        write_data()
        run("doctor", "lake", "--html", "before.html")
        run("doctor", "lake", "--fix")
        name_classes()
        run("train", "lake", "--iterations", "160", "--crop", "129", "--out", "runs/lake")
        run("evaluate", "runs/lake", "--data", "lake", "--html", "lake.html")
        run("predict", "runs/lake", "new/images", "--out", "labels")
    examples = [
        f"lake/{part}/scene0000{n}.{suffix}" for n in (0, 3) for part, suffix in (("images", "jpg"), ("masks", "png"))
    ]
    row(examples, IMAGES / "start_data.jpg")
    row(sorted(Path("labels").glob("*_overlay.jpg"))[:4], IMAGES / "start_result.jpg")
    photograph({"start_doctor.png": ("before.html", 560), "start_report.png": ("lake.html", 800)})
