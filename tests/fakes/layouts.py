"""One small set of pictures in the layouts that people and their tools write: the same class ids out of each.

Every function writes a folder in the true format of its tool. Shapes are rectangles with whole corners, so that
outlines and masks agree in every pixel.
"""

import base64
import csv
import io
import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from fakes.published import noise, save

CLASSES = ("background", "cat", "dog")
COLORS = ((0, 0, 0), (250, 50, 83), (51, 221, 255))
SIZE = (12, 16)
TRAIN, VAL = ("s0", "s1", "s2", "s3"), ("s4", "s5")
NAMES = (*TRAIN, *VAL)


def boxes(name: str) -> dict[str, tuple[int, int, int, int]]:
    """The rectangles of a picture by class: left, top, right, bottom."""
    shift = NAMES.index(name)
    return {"cat": (1 + shift, 1, 5 + shift, 5), "dog": (8, 4 + shift, 15, 7 + shift)} if shift < 5 else {}


def truth(name: str) -> np.ndarray:
    """The class ids of a picture."""
    ids = np.zeros(SIZE, np.uint8)
    for label, (left, top, right, bottom) in boxes(name).items():
        ids[top:bottom, left:right] = CLASSES.index(label)
    return ids


def corners(name: str, label: str) -> list[list[float]]:
    """The corners of a rectangle, clockwise from the upper left."""
    left, top, right, bottom = boxes(name)[label]
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def picture(name: str) -> Image.Image:
    """The picture of a name."""
    return noise(np.random.default_rng(NAMES.index(name)), SIZE)


def ids_mask(name: str) -> Image.Image:
    """The class ids as an 8-bit grey picture."""
    return Image.fromarray(truth(name))


def color_mask(name: str) -> Image.Image:
    """The classes by colour, as an RGB picture."""
    return Image.fromarray(np.array(COLORS, np.uint8)[truth(name)])


def part(name: str) -> str:
    """The split of a name."""
    return "train" if name in TRAIN else "val"


def in_folders(
    image: str, mask: str, *, make: Callable[[str], Image.Image] = ids_mask, splits: Mapping[str, str] | None = None
) -> Callable[[Path], None]:
    """A writer of pictures and masks under patterns with `{name}` and `{split}`."""
    words = splits or {"train": "train", "val": "val"}

    def write(folder: Path) -> None:
        for name in NAMES:
            save(picture(name), folder / image.format(name=name, split=words[part(name)]))
            save(make(name), folder / mask.format(name=name, split=words[part(name)]))

    return write


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def camvid_folders(folder: Path) -> None:
    in_folders("{split}/{name}.png", "{split}annot/{name}.png")(folder)


def ultralytics_masks(folder: Path) -> None:
    in_folders("images/{split}/{name}.jpg", "masks/{split}/{name}.png")(folder)
    _write(folder / "data.yaml", "path: .\ntrain: images/train\nval: images/val\nnames: [background, cat, dog]\n")


def roboflow_masks(folder: Path) -> None:
    words = {"train": "train", "val": "valid"}
    in_folders("{split}/{name}_jpg.rf.0a1b.jpg", "{split}/{name}_jpg.rf.0a1b_mask.png", splits=words)(folder)
    for split in words.values():
        _write(folder / split / "_classes.csv", "Pixel Value, Class\n0, background\n1, cat\n2, dog\n")


def cvat_masks(folder: Path) -> None:
    in_folders("JPEGImages/{name}.jpg", "SegmentationClass/{name}.png", make=color_mask)(folder)
    in_folders("JPEGImages/{name}.jpg", "SegmentationObject/{name}.png", make=color_mask)(folder)
    _write(folder / "ImageSets/Segmentation/default.txt", "".join(f"{name}\n" for name in NAMES))
    rows = [f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in zip(CLASSES, COLORS, strict=True)]
    _write(folder / "labelmap.txt", "# label:color_rgb:parts:actions\n" + "".join(rows))


def own_voc(folder: Path) -> None:
    in_folders("JPEGImages/{name}.jpg", "SegmentationClass/{name}.png")(folder)
    for split, names in (("train", TRAIN), ("val", VAL)):
        _write(folder / f"ImageSets/Segmentation/{split}.txt", "".join(f"{name}\n" for name in names))


def labelme2voc(folder: Path) -> None:
    in_folders("JPEGImages/{name}.jpg", "SegmentationClass/{name}.png")(folder)
    in_folders("JPEGImages/{name}.jpg", "SegmentationClassVisualization/{name}.jpg")(folder)
    (folder / "SegmentationClassNpy").mkdir()
    for name in NAMES:
        np.save(folder / f"SegmentationClassNpy/{name}.npy", truth(name).astype(np.int32))
    _write(folder / "class_names.txt", "_background_\ncat\ndog")


def paddle_lists(folder: Path) -> None:
    in_folders("pics/{name}.jpg", "answers/{name}.png")(folder)
    for split, names in (("train", TRAIN), ("val", VAL)):
        _write(folder / f"{split}_list.txt", "".join(f"pics\\{name}.jpg answers\\{name}.png\n" for name in names))
    _write(folder / "labels.txt", "background\ncat\ndog\n")


def mmseg_folders(folder: Path) -> None:
    in_folders("img_dir/{split}/{name}.jpg", "ann_dir/{split}/{name}.png")(folder)


def objects_listed(folder: Path) -> None:
    words = {"train": "training", "val": "validation"}
    in_folders("images/{split}/{name}.jpg", "annotations/{split}/{name}.png", splits=words)(folder)
    rows = "".join(f"{number}\t0.1\t{name}\n" for number, name in enumerate(CLASSES))
    _write(folder / "objectInfo.txt", f"Idx\tRatio\tName\n{rows}")


def one_folder_each(folder: Path) -> None:
    in_folders("{name}/image.png", "{name}/mask.png")(folder)


def _coco(names: tuple[str, ...], *, first: int = 1, prefix: str = "") -> dict:
    images = [
        {"id": number, "file_name": f"{prefix}{name}.jpg", "height": float(SIZE[0]), "width": str(SIZE[1])}
        for number, name in enumerate(names)
    ]
    categories = [{"id": first + place, "name": label} for place, label in enumerate(CLASSES[1:])]
    annotations = [
        {
            "id": 10 * number + place, "image_id": number, "category_id": first + place, "iscrowd": 0,
            "segmentation": [[value for corner in corners(name, label) for value in corner]],
        }
        for number, name in enumerate(names)
        for place, label in enumerate(boxes(name))
    ]  # fmt: skip
    return {"images": images, "annotations": annotations, "categories": categories}


def coco_anywhere(folder: Path) -> None:
    for name in NAMES:
        save(picture(name), folder / f"shots/deep/{name}.jpg")
    _write(folder / "export/result.json", _coco(NAMES, prefix="C:\\work\\shots\\"))


def coco_by_id(folder: Path) -> None:
    """Images, annotations and categories are objects by their ids; categories are their names alone."""
    for name in NAMES:
        save(picture(name), folder / f"images/{name}.jpg")
    content = _coco(NAMES)
    content["annotations"] = {str(item["id"]): item for item in content["annotations"]}
    content["images"] = {str(item.pop("id")): item for item in content["images"]}
    content["categories"] = {str(item["id"]): item["name"] for item in content["categories"]}
    _write(folder / "all.json", content)


def coco_roboflow(folder: Path) -> None:
    for split, names in (("train", TRAIN), ("valid", VAL)):
        for name in names:
            save(picture(name), folder / split / f"{name}.jpg")
        content = _coco(names)
        content["categories"].insert(0, {"id": 0, "name": "animals", "supercategory": "none"})
        for category in content["categories"][1:]:
            category["supercategory"] = "animals"
        _write(folder / split / "_annotations.coco.json", content)


def yolo(folder: Path) -> None:
    for name in NAMES:
        save(picture(name), folder / f"images/{part(name)}/{name}.jpg")
        rows = [
            " ".join(
                [str(CLASSES.index(label) - 1), *(f"{x / SIZE[1]} {y / SIZE[0]}" for x, y in corners(name, label))]
            )
            for label in boxes(name)
        ]
        _write(folder / f"labels/{part(name)}/{name}.txt", "\n".join(rows))
    _write(folder / "data.yaml", "train: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n")


def _labelme(name: str) -> dict:
    shapes = [{"label": label, "points": corners(name, label), "shape_type": "polygon"} for label in boxes(name)]
    shapes.append({"label": "edge", "points": [[0, 0], [3, 3]], "shape_type": "line"})
    return {"shapes": shapes, "imagePath": f"{name}.jpg", "imageHeight": SIZE[0], "imageWidth": SIZE[1]}


def labelme_beside(folder: Path) -> None:
    for name in NAMES:
        save(picture(name), folder / f"{name}.jpg")
        _write(folder / f"{name}.json", _labelme(name))


def labelme_masks(folder: Path) -> None:
    """AI masks of LabelMe 5: a PNG between two corners; and a rectangle by four corners."""
    for name in NAMES:
        save(picture(name), folder / f"{name}.jpg")
        content = _labelme(name)
        for shape, (label, (left, top, right, bottom)) in zip(content["shapes"], boxes(name).items(), strict=False):
            if label == "cat":
                buffer = io.BytesIO()
                Image.fromarray(np.ones((bottom - top, right - left), bool)).save(buffer, "PNG")
                shape["points"] = [[left, top], [right - 1, bottom - 1]]
                shape |= {"shape_type": "mask", "mask": base64.b64encode(buffer.getvalue()).decode()}
            else:
                shape["shape_type"] = "rectangle"
        _write(folder / f"{name}.json", content)


def label_studio(folder: Path) -> None:
    tasks = []
    for number, name in enumerate(NAMES, start=1):
        save(picture(name), folder / f"images/{name}.jpg")
        results = []
        for label in boxes(name):
            frame = {"original_width": SIZE[1], "original_height": SIZE[0], "from_name": "label", "to_name": "image"}
            if label == "cat":
                points = [[100 * x / SIZE[1], 100 * y / SIZE[0]] for x, y in corners(name, label)]
                kind, value = "polygonlabels", {"points": points, "closed": True, "polygonlabels": [label]}
            else:
                inside = truth(name) == CLASSES.index(label)
                kind, value = "brushlabels", {"format": "rle", "rle": brush(inside), "brushlabels": [label]}
            results.append({**frame, "type": kind, "value": value})
        data = {"image": f"/data/upload/1/0123abcd-{name}.jpg"}
        tasks.append({"id": number, "data": data, "annotations": [{"id": number, "result": results}]})
    _write(folder / "project-1.json", tasks)


def brush(inside: np.ndarray) -> list[int]:
    """Label Studio's run lengths of an RGBA picture whose painted pixels are opaque, in blocks of four bytes."""
    values = np.repeat((inside * 255).astype(np.uint8).ravel(), 4)
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{width - 1:04b}" for width in (3, 4, 8, 16))
    for start in range(0, len(values), 4):
        if start % 8:  # runs and literals in turn
            bits += f"1{0:02b}{3:03b}{values[start]:08b}"
        else:
            bits += f"0{1:02b}{3:04b}" + "".join(f"{value:08b}" for value in values[start : start + 4])
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]


def brush_pictures(folder: Path) -> None:
    for number, name in enumerate(NAMES, start=1):
        save(picture(name), folder / f"images/{name}.jpg")
        for label in CLASSES[1:]:
            inside = (truth(name) == CLASSES.index(label)).astype(np.uint8) * 255
            save(Image.fromarray(inside), folder / f"masks/task-{number}-annotation-{number}-by-1-tag-{label}-0.png")


def city_polygons(folder: Path) -> None:
    for number, name in enumerate(NAMES):
        frame, split = f"mytown_{number:06}_000019", part(name)
        save(picture(name), folder / f"leftImg8bit/{split}/mytown/{frame}_leftImg8bit.png")
        objects = [{"label": "ground", "polygon": [[0, 0], [SIZE[1], 0], [SIZE[1], SIZE[0]], [0, SIZE[0]]]}]
        objects += [{"label": label, "polygon": corners(name, label)} for label in boxes(name)]
        content = {"imgHeight": SIZE[0], "imgWidth": SIZE[1], "objects": objects}
        _write(folder / f"gtFine/{split}/mytown/{frame}_gtFine_polygons.json", content)


def kaggle(folder: Path) -> None:
    (folder / "train_images").mkdir(parents=True)
    (folder / "sample_submission.csv").write_text("ImageId,EncodedPixels\ns0.jpg,1 192\n")
    with (folder / "train.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("ImageId", "ClassId", "EncodedPixels"))
        for name in NAMES:
            save(picture(name), folder / f"train_images/{name}.jpg")
            for label in boxes(name) or ("cat",):
                inside = (truth(name) == CLASSES.index(label)).T.ravel()
                changes = np.flatnonzero(np.diff(np.concatenate([[0], inside, [0]]))) + 1
                runs = [f"{start} {end - start}" for start, end in zip(changes[::2], changes[1::2], strict=True)]
                rows.writerow((f"{name}.jpg", CLASSES.index(label), " ".join(runs)))


def arrays(folder: Path) -> None:
    """Label arrays, one of them with one plane for each class."""
    (folder / "labels").mkdir(parents=True)
    for name in NAMES:
        save(picture(name), folder / f"images/{name}.jpg")
        planes = np.stack([truth(name) == label for label in range(3)], axis=2)
        np.save(folder / f"labels/{name}.npy", planes if name == "s1" else truth(name).astype(np.int64))


def cvat_xml(folder: Path) -> None:
    """Polygons of cats and masks of dogs, the dog's below by its order."""
    rows = []
    for number, name in enumerate(NAMES):
        save(picture(name), folder / f"images/{name}.jpg")
        shapes = []
        for label, (left, top, right, bottom) in boxes(name).items():
            if label == "cat":
                points = ";".join(f"{x:.2f},{y:.2f}" for x, y in corners(name, label))
                shapes.append(f'<polygon label="cat" points="{points}" z_order="0"></polygon>')
            else:
                width, height = right - left, bottom - top
                frame = f'left="{left}" top="{top}" width="{width}" height="{height}"'
                shapes.append(f'<mask label="dog" rle="0, {width * height}" {frame} z_order="1"></mask>')
        shapes.append('<polyline label="cat" points="0,0;3,3" z_order="0"></polyline>')
        size = f'width="{SIZE[1]}" height="{SIZE[0]}"'
        rows.append(f'<image id="{number}" name="{name}.jpg" {size}>{"".join(shapes)}</image>')
    labels = "".join(f"<label><name>{name}</name><color>#fa3253</color></label>" for name in CLASSES[1:])
    meta = f"<meta><task><labels>{labels}</labels></task></meta>"
    _write(folder / "annotations.xml", f'<?xml version="1.0"?><annotations>{meta}{"".join(rows)}</annotations>')


def supervisely(folder: Path) -> None:
    for name in NAMES:
        save(picture(name), folder / f"pets/img/{name}.jpg")
        objects = []
        for label, (left, top, right, bottom) in boxes(name).items():
            if label == "cat":
                points = {"exterior": corners(name, label), "interior": []}
                objects.append({"classTitle": label, "geometryType": "polygon", "points": points})
            else:
                buffer = io.BytesIO()
                Image.fromarray(np.full((bottom - top, right - left), 255, np.uint8)).save(buffer, "PNG")
                data = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
                bitmap = {"data": data, "origin": [left, top]}
                objects.append({"classTitle": label, "geometryType": "bitmap", "bitmap": bitmap})
        content = {"size": {"height": SIZE[0], "width": SIZE[1]}, "tags": [], "objects": objects}
        _write(folder / f"pets/ann/{name}.jpg.json", content)
    classes = [{"title": name, "shape": "any", "color": "#FA3253"} for name in CLASSES[1:]]
    _write(folder / "meta.json", {"classes": classes, "tags": []})


def via(folder: Path) -> None:
    content = {}
    for name in NAMES:
        save(picture(name), folder / f"{name}.jpg")
        regions = []
        for label, (left, top, right, bottom) in boxes(name).items():
            xs, ys = zip(*corners(name, label), strict=True)
            shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
            if label == "dog":
                shape = {"name": "rect", "x": left, "y": top, "width": right - left, "height": bottom - top}
            regions.append({"shape_attributes": shape, "region_attributes": {"type": label}})
        content[f"{name}.jpg1234"] = {
            "filename": f"{name}.jpg",
            "size": 1234,
            "regions": regions,
            "file_attributes": {},
        }
    _write(folder / "via_project.json", {"_via_settings": {}, "_via_img_metadata": content})


def via_rows(folder: Path) -> None:
    via(folder)
    project = folder / "via_project.json"
    rows: list[dict[str, object]] = []
    for item in json.loads(project.read_text())["_via_img_metadata"].values():
        for number, region in enumerate(item["regions"] or [{"shape_attributes": {}, "region_attributes": {}}]):
            texts = {
                "region_shape_attributes": json.dumps(region["shape_attributes"]),
                "region_attributes": json.dumps(region["region_attributes"]),
            }
            rows.append({"filename": item["filename"], "file_size": 1234, "region_id": number, **texts})
    project.unlink()
    with (folder / "via_export.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def fiftyone(folder: Path) -> None:
    samples = []
    for name in NAMES:
        save(picture(name), folder / f"data/{name}.jpg")
        polylines, detections = [], []
        for label, (left, top, right, bottom) in boxes(name).items():
            if label == "cat":
                points = [[[x / SIZE[1], y / SIZE[0]] for x, y in corners(name, label)]]
                polylines.append({"_cls": "Polyline", "label": label, "points": points, "closed": True, "filled": True})
            else:
                buffer = io.BytesIO()
                np.save(buffer, np.ones((bottom - top, right - left), bool))
                mask = {"$binary": {"base64": base64.b64encode(zlib.compress(buffer.getvalue())).decode()}}
                box = [left / SIZE[1], top / SIZE[0], (right - left) / SIZE[1], (bottom - top) / SIZE[0]]
                detections.append({"_cls": "Detection", "label": label, "bounding_box": box, "mask": mask})
        sample = {"filepath": f"data/{name}.jpg", "tags": [], "lines": {"_cls": "Polylines", "polylines": polylines}}
        samples.append({**sample, "found": {"_cls": "Detections", "detections": detections}})
    _write(folder / "samples.json", {"samples": samples})
    _write(folder / "metadata.json", {"name": "pets", "media_type": "image"})


LAYOUTS: dict[str, tuple[Callable[[Path], None], bool, bool]] = {
    "images, labels": (in_folders("images/{name}.jpg", "labels/{name}.png"), False, False),
    "imgs, annotations": (in_folders("imgs/{name}.jpg", "annotations/{name}.png"), False, False),
    "suffix": (in_folders("images/{name}.jpg", "masks/{name}_mask.png"), False, False),
    "prefix": (in_folders("image/{name}.jpg", "label/gt_{name}.png"), False, False),
    "two suffixes": (in_folders("{name}_image.jpg", "annotations/{name}_annotation.png"), False, False),
    "double extension": (in_folders("images/{name}.jpg", "masks/{name}.jpg.png"), False, False),
    "letter case": (in_folders("images/{name}.JPG", "masks/IMG_{name}.PNG"), False, False),
    "flat": (in_folders("{name}.jpg", "{name}_mask.png"), False, False),
    "side by side": (in_folders("{name}.jpg", "{name}.png"), False, False),
    "one folder each": (one_folder_each, False, False),
    "colours": (in_folders("images/{name}.jpg", "masks/{name}.png", make=color_mask), False, False),
    "valid": (
        in_folders("{split}/images/{name}.jpg", "{split}/masks/{name}.png", splits={"train": "train", "val": "valid"}),
        False, True,
    ),
    "training, validation": (
        in_folders(
            "images/{split}/{name}.jpg", "annotations/{split}/{name}.png",
            splits={"train": "training", "val": "validation"},
        ),
        False, True,
    ),
    "train_images": (in_folders("{split}_images/{name}.jpg", "{split}_masks/{name}.png"), False, True),
    "train_data/images": (in_folders("{split}_data/images/{name}.jpg", "{split}_data/gt/{name}.png"), False, True),
    "CamVid's folders": (camvid_folders, False, True),
    "mmseg": (mmseg_folders, False, True),
    "Ultralytics masks": (ultralytics_masks, True, True),
    "Roboflow masks": (roboflow_masks, True, True),
    "CVAT masks": (cvat_masks, True, False),
    "VOC folders": (own_voc, False, True),
    "labelme2voc": (labelme2voc, True, False),
    "PaddleSeg lists": (paddle_lists, True, True),
    "COCO anywhere": (coco_anywhere, True, False),
    "COCO by id": (coco_by_id, True, False),
    "Roboflow COCO": (coco_roboflow, True, True),
    "YOLO": (yolo, True, True),
    "LabelMe": (labelme_beside, True, False),
    "LabelMe masks": (labelme_masks, True, False),
    "Label Studio": (label_studio, True, False),
    "CVAT XML": (cvat_xml, True, False),
    "Supervisely": (supervisely, True, False),
    "VIA": (via, True, False),
    "VIA, a row for each region": (via_rows, True, False),
    "a list of objects as ADE20K's": (objects_listed, True, True),
    "FiftyOne": (fiftyone, True, False),
    "run lengths": (kaggle, False, False),
    "arrays": (arrays, False, False),
}  # fmt: skip
"""Name -> writer, True where the format names classes, True where it says what is trained on."""
