"""The pictures of `fakes.layouts` as further labelling tools export them, in the true format of each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fakes.layouts import CLASSES, COLORS, NAMES, SIZE, boxes, color_mask, corners, part, picture, truth
from fakes.published import save

SIZES = {"height": SIZE[0], "width": SIZE[1]}
HEX = ["#" + bytes(color).hex() for color in COLORS]


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def _pictures(folder: Path) -> None:
    for name in NAMES:
        save(picture(name), folder / f"images/{name}.png")


def _points(name: str, label: str, *, scale: tuple[int, int] = (1, 1)) -> list[dict[str, float]]:
    return [{"x": x / scale[1], "y": y / scale[0]} for x, y in corners(name, label)]


def _runs(inside: np.ndarray) -> list[int]:
    """Run lengths in the order of the array, outside first."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], inside.ravel()])))
    return np.diff(np.concatenate([[0], changes, [inside.size]])).tolist()


def datumaro(folder: Path) -> None:
    _pictures(folder)
    items = []
    for name in NAMES:
        found: list[dict[str, Any]] = []
        for label in boxes(name):
            common = {"id": 0, "group": 0, "label_id": CLASSES.index(label) - 1, "z_order": 0, "attributes": {}}
            if label == "cat":
                points = [float(value) for corner in corners(name, label) for value in corner]
                found.append({**common, "type": "polygon", "points": points})
            else:
                counts = _runs((truth(name) == 2).T)
                found.append({**common, "type": "mask", "rle": {"counts": counts, "size": [*SIZE]}})
        items.append({"id": name, "annotations": found, "image": {"path": f"{name}.png", "size": [*SIZE]}})
    labels = [{"name": name, "parent": "", "attributes": []} for name in CLASSES[1:]]
    _write(
        folder / "annotations/default.json", {"info": {}, "categories": {"label": {"labels": labels}}, "items": items}
    )


def labelbox(folder: Path) -> None:
    _pictures(folder)
    rows = []
    for name in NAMES:
        objects: list[dict[str, Any]] = []
        for label, (left, top, right, bottom) in boxes(name).items():
            box = {"left": left, "top": top, "width": right - left, "height": bottom - top}
            shape = {"polygon": _points(name, label)} if label == "cat" else {"bounding_box": box}
            objects.append({"name": label, "value": label, "annotation_kind": "Image", **shape})
        label = {"label_kind": "Default", "annotations": {"objects": objects, "classifications": []}}
        row = {"data_row": {"id": "c", "external_id": f"{name}.png"}, "media_attributes": SIZES}
        rows.append(json.dumps({**row, "projects": {"p1": {"name": "pets", "labels": [label]}}}))
    _write(folder / "export.ndjson", "\n".join(rows) + "\n")


def darwin(folder: Path) -> None:
    _pictures(folder)
    for name in NAMES:
        found = [
            {"name": label, "polygon": {"paths": [_points(name, label)]}, "bounding_box": {}} for label in boxes(name)
        ]
        item = {"name": f"{name}.png", "path": "/", "slots": [{"type": "image", "slot_name": "0", **SIZES}]}
        _write(folder / f"annotations/{name}.json", {"version": "2.0", "item": item, "annotations": found})


def hasty(folder: Path) -> None:
    _pictures(folder)
    images = []
    for name in NAMES:
        labels: list[dict[str, Any]] = []
        for order, (label, box) in enumerate(boxes(name).items()):
            left, top, right, bottom = box
            mask = _runs(truth(name)[top:bottom, left:right] == 2) if label == "dog" else None
            polygon = corners(name, label) if label == "cat" else None
            labels.append({"class_name": label, "bbox": [*box], "polygon": polygon, "mask": mask, "z_index": order})
        images.append({"image_name": f"{name}.png", "dataset_name": "pets", **SIZES, "labels": labels})
    classes = [{"class_name": name, "color": color} for name, color in zip(CLASSES[1:], HEX[1:], strict=True)]
    _write(folder / "export.json", {"project_name": "pets", "label_classes": classes, "images": images})


def encord(folder: Path) -> None:
    _pictures(folder)
    rows = []
    for name in NAMES:
        objects: list[dict[str, Any]] = []
        for label in boxes(name):
            points = {str(place): point for place, point in enumerate(_points(name, label, scale=SIZE))}
            objects.append({"name": label, "value": label, "shape": "polygon", "polygon": points})
        unit = {"data_title": f"{name}.png", "labels": {"objects": objects, "classifications": []}, **SIZES}
        rows.append({"label_hash": "h", "data_title": f"{name}.png", "data_units": {f"u{name}": unit}})
    _write(folder / "labels.json", rows)


def qupath(folder: Path) -> None:
    _pictures(folder)
    for name in NAMES:
        features: list[dict[str, Any]] = []
        for label in boxes(name):
            geometry = {"type": "Polygon", "coordinates": [[*corners(name, label), corners(name, label)[0]]]}
            properties = {"objectType": "annotation", "classification": {"name": label, "color": [1, 2, 3]}}
            features.append({"type": "Feature", "id": "f", "geometry": geometry, "properties": properties})
        _write(folder / f"annotations/{name}.geojson", {"type": "FeatureCollection", "features": features})


def image_scope(folder: Path) -> None:
    _pictures(folder)
    for name in NAMES:
        layers = ""
        for label in boxes(name):
            vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0" />' for x, y in corners(name, label))
            region = f'<Region Id="1" Type="0"><Attributes /><Vertices>{vertices}</Vertices></Region>'
            layers += f'<Annotation Id="1" Name="{label}"><Regions>{region}</Regions></Annotation>'
        _write(folder / f"xml/{name}.xml", f'<Annotations MicronsPerPixel="0.25">{layers}</Annotations>')


def sagemaker(folder: Path) -> None:
    _pictures(folder)
    rows = []
    table = {str(label): {"class-name": CLASSES[label], "hex-color": HEX[label]} for label in range(3)}
    for number, name in enumerate(NAMES):
        file = f"output/{number}_2020-01-01T00:00:0{number}.png"
        save(color_mask(name), folder / file)
        row = {"source-ref": f"s3://bucket/images/{name}.png", "job-ref": f"s3://bucket/{file}"}
        rows.append(json.dumps({**row, "job-ref-metadata": {"internal-color-map": table, "job-name": "job"}}))
    _write(folder / "manifests/output.manifest", "\n".join(rows) + "\n")


def colormap_file(folder: Path) -> None:
    """Names and colours in a text file under a name of its own, and splits in another."""
    for name in NAMES:
        save(picture(name), folder / f"frames/{name}.png")
        save(color_mask(name), folder / f"SET_annotations/{name}.png")
    lines = [f"{label} {CLASSES[label]} {' '.join(map(str, COLORS[label]))}" for label in range(3)]
    _write(folder / "SET_annotations/SET_annotation-colormap.txt", "\n".join(lines) + "\n")
    numbers = {split: [int(name[1:]) for name in NAMES if part(name) == split] for split in ("train", "val")}
    _write(folder / "train_val_split.json", numbers)


def panoptic(folder: Path) -> None:
    """Segments whose numbers take several bytes; what has none is ignored."""
    for split in ("train", "val"):
        names = [name for name in NAMES if part(name) == split]
        annotations = []
        for number, name in enumerate(names):
            ids = np.array([0, 70_000 + number, 300 + number])
            save(picture(name), folder / f"{split}2017/{name}.png")
            painted = ids[truth(name)]
            colors = np.stack([painted & 255, painted >> 8 & 255, painted >> 16], axis=2).astype(np.uint8)
            save(Image.fromarray(colors), folder / f"annotations/panoptic_{split}2017/{name}.png")
            info = [{"id": int(ids[label]), "category_id": 10 * label, "iscrowd": 0} for label in (1, 2)]
            annotations.append({"image_id": number, "file_name": f"{name}.png", "segments_info": info})
        content = {
            "images": [{"id": number, "file_name": f"{name}.png", **SIZES} for number, name in enumerate(names)],
            "annotations": annotations,
            "categories": [{"id": 10, "name": "cat", "isthing": 1}, {"id": 20, "name": "dog", "isthing": 0}],
        }
        _write(folder / f"annotations/panoptic_{split}2017.json", content)


def labelme_xml(folder: Path) -> None:
    """MIT's LabelMe, with an object that was deleted and blanks around texts, as its page writes them."""
    for name in NAMES:
        save(picture(name), folder / f"Images/street/{name}.jpg")
        objects = ""
        objects += "<object><name>dog</name><polygon><pt><x>1</x><y>1</y></pt><username>a</username></polygon></object>"
        for label, deleted in [*((label, 0) for label in boxes(name)), ("cat", 1)]:
            places = corners(name, label) if not deleted else [[0, 0], [SIZE[1], 0], [SIZE[1], SIZE[0]]]
            points = "".join(f"<pt>\n<x>{x}</x>\n<y>{y}</y>\n</pt>\n" for x, y in places)
            objects += (
                f"<object><name>\n{label}\n</name><deleted>{deleted}</deleted><polygon>{points}</polygon></object>"
            )
        size = f"<imagesize><nrows>{SIZE[0]}</nrows><ncols>{SIZE[1]}</ncols></imagesize>"
        head = f"<filename>\n{name}.jpg\n</filename><folder>street</folder>"
        path = folder / f"Annotations/street/{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<annotation>{head}{objects}{size}</annotation>")


def voc_polygons(folder: Path) -> None:
    """VOC's XML with polygons, as supervision 0.31 writes it; corners are counted from 1."""
    for name in NAMES:
        save(picture(name), folder / f"{name}.jpg")
        objects = "<object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object>"
        for label in boxes(name):
            numbered = [*enumerate(corners(name, label), start=1)]
            if label == "cat":
                places = "".join(f"<x{at}>{x + 1}</x{at}><y{at}>{y + 1}</y{at}>" for at, (x, y) in numbered)
            else:  # in whatever order the numbers stand
                places = "".join(f"<y{at}>{y + 1}</y{at}>" for at, (_, y) in reversed(numbered))
                places += "".join(f"<x{at}>{x + 1}</x{at}>" for at, (x, _) in numbered)
            objects += f"<object><name>{label}</name><polygon>{places}</polygon></object>"
        size = f"<size><width>{SIZE[1]}</width><height>{SIZE[0]}</height><depth>3</depth></size>"
        text = f"<annotation><folder/><filename>{name}.jpg</filename>{size}{objects}</annotation>"
        (folder / f"{name}.xml").write_text(text)


def labelme_folders(folder: Path) -> None:
    """What `labelme_json_to_dataset` writes, the numbers of every other picture the other way round."""
    for number, name in enumerate(NAMES):
        place = folder / f"{name}_json"
        order = (0, 1, 2) if number % 2 else (0, 2, 1)
        listed = ["_background_", *(CLASSES[label] for label in order[1:])]
        save(picture(name), place / "img.png")
        mask = Image.fromarray(np.array(order, np.uint8)[truth(name)], "P")
        mask.putpalette([value for color in COLORS for value in color])
        save(mask, place / "label.png")
        save(color_mask(name), place / "label_viz.png")
        if number % 3:  # older versions write the YAML alone
            _write(place / "label_names.txt", "\n".join(listed) + "\n")
        _write(place / "info.yaml", "label_names:\n" + "".join(f"- {one}\n" for one in listed))


EXPORTS: dict[str, tuple[Callable[[Path], None], bool, bool]] = {
    "Datumaro": (datumaro, True, False),
    "Labelbox": (labelbox, True, False),
    "V7 Darwin": (darwin, True, False),
    "Hasty": (hasty, True, False),
    "Encord": (encord, True, False),
    "QuPath": (qupath, True, False),
    "ImageScope": (image_scope, True, False),
    "SageMaker": (sagemaker, True, False),
    "LabelMe folders": (labelme_folders, True, False),
    "LabelMe XML": (labelme_xml, True, False),
    "VOC polygons": (voc_polygons, True, False),
    "colormap file": (colormap_file, True, True),
}
"""As `fakes.layouts.LAYOUTS`."""
