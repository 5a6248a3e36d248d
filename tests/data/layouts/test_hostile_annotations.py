"""Annotation files in which one value is of another type or range than its format gives it."""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atrous.data.dataset import open_data
from atrous.errors import InputError
from fakes import layouts, tool_exports

VALUES = (None, "", "x", -1, 0.5, 1e308, 10**30, True, [], [None], [[]], {}, {"x": None}, "#12345", "ä\0b")
FORMATS = (
    layouts.coco_anywhere, layouts.coco_roboflow, layouts.labelme_beside, layouts.label_studio, layouts.city_polygons,
    layouts.supervisely, layouts.via, layouts.fiftyone, tool_exports.datumaro, tool_exports.darwin, tool_exports.hasty,
    tool_exports.encord, tool_exports.qupath, tool_exports.labelbox, tool_exports.panoptic,
)  # fmt: skip
MUTANTS = 20


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a value in a tree of lists and objects: (container, key)."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in [*items]:
        yield content, key
        if isinstance(value, dict | list):
            yield from places(value)


def read_all(folder: Path) -> None:
    """Open every split and read every sample; only errors of the input may be raised, of one line each."""
    lines: list[str] = []
    for split in ("train", "val"):
        try:
            data = open_data(folder, split=split)
        except InputError as error:
            lines.append(str(error))
            continue
        for index in range(len(data)):
            try:
                data[index]
            except InputError as error:
                lines.append(str(error))
    assert not any("\n" in line for line in lines)


@pytest.mark.parametrize("write", FORMATS, ids=lambda write: write.__name__)
def test_a_wrong_value_is_an_error_of_the_input_or_makes_no_difference(write, tmp_path):
    write(tmp_path)
    files = sorted(path for path in tmp_path.rglob("*") if "json" in path.suffix)
    chosen = random.Random(write.__name__)
    for _ in range(MUTANTS):
        file = chosen.choice(files)
        text = file.read_text()
        content = json.loads(text.partition("\n")[0] if file.suffix == ".ndjson" else text)
        container, key = chosen.choice([*places(content)])
        container[key] = chosen.choice(VALUES)
        file.write_text(json.dumps(content))
        read_all(tmp_path)
        file.write_text(text)


def test_wrong_attributes_of_cvat_are_errors_of_the_input(tmp_path):
    layouts.cvat_xml(tmp_path)
    (file,) = tmp_path.rglob("*.xml")
    text = file.read_text()
    chosen = random.Random(0)
    attributes = [*re.finditer(r'="[^"]*"|<color>[^<]*', text)]
    for _ in range(MUTANTS):
        match = chosen.choice(attributes)
        wrong = chosen.choice(("", "x", "-1", "1e308", "9" * 30, "#zzzzzz", ";;", "1,2,3"))
        new = f'="{wrong}"' if match[0].startswith("=") else f"<color>{wrong}"
        file.write_text(text[: match.start()] + new + text[match.end() :])
        read_all(tmp_path)


def test_a_labelme_file_that_ends_early_is_an_error_not_a_picture_without_labels(tmp_path):
    layouts.labelme_beside(tmp_path)
    file = sorted(tmp_path.rglob("*.json"))[1]
    file.write_text(file.read_text()[:60])
    with pytest.raises(InputError, match=rf"{re.escape(file.name)} is not valid JSON: .*; export it again"):
        open_data(tmp_path, split="train")
