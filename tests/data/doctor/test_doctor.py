"""What the doctor sees, proposes and writes."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.annotations.proposals import colored_schema
from atrous.data.class_weights import read_class_weights
from atrous.data.dataset import open_data
from atrous.data.doctor import diagnose
from atrous.data.doctor.perceptual_hash import perceptual_hash
from atrous.data.doctor.totals import value_histogram
from atrous.data.folder import folder_splits
from atrous.data.schema import read_schema
from atrous.errors import InputError
from atrous.labels import LabelSpace
from fakes import broken, layouts
from fakes.camvid import fake_camvid
from fakes.folder import NAMES, fake_folder
from fakes.own_labels import CLASSES, FORMATS
from fakes.published import fake_ade20k, fake_cityscapes, fake_coco, fake_voc

PUBLISHED = {
    "camvid": fake_camvid, "voc": fake_voc, "cityscapes": fake_cityscapes, "ade20k": fake_ade20k, "coco": fake_coco,
}  # fmt: skip


def content(folder):
    """Every file with its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_layouts_are_sound_and_counted(tmp_path, name):
    PUBLISHED[name](tmp_path)
    diagnosis = diagnose(tmp_path)
    assert diagnosis.errors == ()
    for split in ("train", "val"):
        data = open_data(tmp_path, split=split)
        labels = np.concatenate([data[index].labels.ravel() for index in range(len(data))])
        counts = [int((labels == label).sum()) for label in range(len(data.labels))]
        assert diagnosis.totals[split].counts.tolist() == counts
        assert diagnosis.totals[split].ignored == (labels == data.labels.ignore).sum()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_labels_is_sound(tmp_path, name):
    FORMATS[name](tmp_path)
    diagnosis = diagnose(tmp_path)
    assert diagnosis.errors == ()
    assert diagnosis.schema is not None
    assert len(diagnosis.schema.labels) == len(CLASSES)


def test_one_defect_does_not_hide_the_others(tmp_path):
    """Of files, lists, pictures, masks and sizes, all at once; without a schema that could be read."""
    folder = broken.sound_folder(tmp_path / "data")
    broken.append(folder, "train.txt", "photo99\nphoto2\n")
    broken.append(folder, "val.txt", "photo3\n")
    (folder / "masks/photo11.png").unlink()
    broken.cut(folder / "images/photo5.jpg", keep=700)
    broken.cut(folder / "masks/photo6.png", keep=0)
    broken.save_mask(folder, np.zeros((5, 7), np.uint8), "photo7")
    (folder / "images/notes.txt").touch()
    broken.schema(folder, "classes = 3\n")
    lines = [finding.line for finding in diagnose(folder).errors]
    expected = [
        "notes.txt is not a picture", "train.txt line 9: no picture 'photo99'", "line 10: 'photo2' was listed before",
        "photo3.jpg is in both train and val", "for photo11, listed in", "photo5.jpg: ", "photo6.png is empty",
        "photo7.png is 7 x 5", "schema.toml: classes: give the list",
    ]  # fmt: skip
    assert len(lines) == len(expected), lines
    for part in expected:
        assert sum(part in line for line in lines) == 1, (part, lines)


def test_bad_annotations_do_not_hide_bad_pictures(tmp_path):
    folder = broken.sound_folder(tmp_path / "data")
    broken.coco_stranger(folder)
    broken.cut(folder / "images/photo5.jpg", keep=0)
    lines = [finding.line for finding in diagnose(folder).errors]
    assert len(lines) == 2
    for part in ("annotations.json", "photo5.jpg"):
        assert sum(part in line for line in lines) == 1, (part, lines)


def test_values_are_counted_as_they_lie_in_the_files(tmp_path):
    folder = broken.sound_folder(tmp_path / "data")
    broken.stray_value(folder)
    broken.save_mask(folder, np.full((24, 32, 3), (1, 2, 3), np.uint8), "photo2")
    masks = [np.array(Image.open(folder / f"masks/{name}.png")) for name in NAMES if name != "photo2"]
    values, counts = np.unique(np.stack(masks), return_counts=True)
    expected = {f"value {value}": count for value, count in zip(values, counts, strict=True)} | {"#010203": 768}
    assert value_histogram(diagnose(folder).examined) == expected
    assert expected["value 77"] == 2
    broken.cut(folder / "masks/photo2.png", keep=60)  # what cannot be read is left out
    del expected["#010203"]
    assert value_histogram(diagnose(folder).examined) == expected


# What is proposed and written.


@pytest.mark.parametrize(
    ("values", "remap"),
    [
        ((0, 255), {0: 0, 255: 1}),
        ((0, 1), {}),
        ((0, 128, 255), {0: 0, 128: 1, 255: 2}),
        ((1, 2, 3, 255), {1: 0, 2: 1, 3: 2}),
    ],
)
def test_fix_makes_numbers_usable(tmp_path, values, remap, capsys):
    folder = fake_folder(tmp_path / "data", values=values)
    before = content(folder)
    assert main(["doctor", str(folder), "--fix"]) == 0
    told = capsys.readouterr().out
    schema, classes = read_schema(folder / "schema.toml"), len(remap) or len(values)
    assert (schema.remap, len(schema.labels)) == (remap, classes)
    new = {"schema.toml", "train.txt", "val.txt", "class_weights.json"}
    assert {path.name for path in content(folder).keys() - before.keys()} == new
    assert all(f"wrote    {folder / name}" in told for name in new)
    assert {path: read for path, read in content(folder).items() if path in before} == before
    assert set(np.unique(open_data(folder, split="train")[0].labels)) <= {*range(classes), 255}


def test_fix_writes_the_split_that_training_would_choose(tmp_path):
    folder = fake_folder(tmp_path / "data")
    chosen = {name: [pair.name for pair in part.pairs] for name, part in folder_splits(folder).items()}
    main(["doctor", str(folder), "--fix"])
    assert {name: (folder / f"{name}.txt").read_text().split() for name in chosen} == chosen
    assert {name: open_data(folder, split=name).names for name in chosen} == chosen


def test_fix_leaves_what_is_there(tmp_path, capsys):
    folder = broken.sound_folder(tmp_path / "data")
    broken.schema(folder)
    (folder / "class_weights.json").write_text("mine")
    before = content(folder)
    assert main(["doctor", str(folder), "--fix"]) == 0
    assert content(folder) == before
    assert "wrote    nothing" in capsys.readouterr().out


def test_fix_writes_no_list_that_would_hide_a_missing_mask(tmp_path):
    folder = fake_folder(tmp_path / "data")
    (folder / "masks/photo1.png").unlink()
    assert main(["doctor", str(folder), "--fix"]) == 1
    assert not (folder / "train.txt").exists()


def test_weights_are_the_root_of_median_frequency_and_training_takes_them(tmp_path):
    folder = fake_folder(tmp_path / "data", names=("a", "b"), values=(0, 0, 0, 0, 1))
    main(["doctor", str(folder), "--fix"])
    name = (folder / "train.txt").read_text().strip()
    counts = np.bincount(np.array(Image.open(folder / f"masks/{name}.png")).ravel())
    frequency = counts / counts.sum()
    weights = np.sqrt(np.median(frequency) / frequency)
    expected = weights / (weights * frequency).sum()
    written = json.loads((folder / "class_weights.json").read_text())
    assert list(written.values()) == pytest.approx(expected, abs=1e-4)
    space = LabelSpace.unnamed(2)
    assert read_class_weights(folder / "class_weights.json", space=space) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1}', "'b' has no weight"),
        ('{"a": 1, "b": 2, "c": 3}', "'c' is no class of the data"),
        ('{"a": -1, "b": 2}', "the weight of 'a' is -1"),
        ('{"a": true, "b": 2}', "the weight of 'a' is True"),
        ('{"a": 1e300, "b": 2}', "the weight of 'a' is 1e+300"),
        ('{"a": 0, "b": 0}', "all weights are 0"),
        ("[1, 2]", "holds [1, 2] where an object was expected; correct it"),
        ('{"a": 1,', "line 1 column 9 (char 8); correct it"),
        ("[" * 100_000, "is nested too deeply; correct it"),
    ],
)
def test_weights_that_make_no_sense(tmp_path, text, told):
    path = tmp_path / "weights.json"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_class_weights(path, space=LabelSpace(("a", "b")))
    assert told in str(error.value)


def test_colours_become_classes(tmp_path):
    folder = broken.sound_folder(tmp_path / "data")
    broken.colors_without_schema(folder)
    truth = np.array(Image.open(folder / "masks/photo1.png"))
    assert main(["doctor", str(folder), "--fix"]) == 0
    schema = read_schema(folder / "schema.toml")
    assert schema.labels.names == ("background", "#00c800", "#1e005a")
    sample = open_data(folder, split="train")[0]
    np.testing.assert_array_equal(np.array(schema.labels.palette, np.uint8)[sample.labels], truth)


def test_published_colours_get_their_names():
    road, car, black = 0x804080, 0x00008E, 0x000000
    schema = colored_schema([road, car, 0xDC143C, black])
    assert schema is not None
    assert (schema.labels.names[0], schema.labels.names[13]) == ("road", "car")
    assert schema.recolor == {(0, 0, 0): 255}
    own = colored_schema([road, 0x010203, black])
    assert own is not None
    assert own.labels.names == ("background", "#010203", "#804080")
    assert colored_schema(range(100, 300)) is None


def test_the_proposed_schema_has_the_colours_of_the_palettes(tmp_path):
    folder = fake_folder(tmp_path / "data", values=(0, 1, 2))
    for path in sorted((folder / "masks").iterdir()):
        mask = Image.open(path).copy()
        mask.putpalette([5, 5, 5, 0, 250, 0, 0, 0, 250, *[0] * 759])
        mask.save(path)
    main(["doctor", str(folder), "--fix"])
    assert read_schema(folder / "schema.toml").labels.palette == ((5, 5, 5), (0, 250, 0), (0, 0, 250))


# Pictures that look alike.


def apart(first, second):
    """Bits of the difference hash in which two pictures differ."""
    return int(np.bitwise_count(perceptual_hash(first).bits ^ perceptual_hash(second).bits).sum())


def test_the_difference_hash_is_its_definition():
    greys = np.random.default_rng(0).integers(0, 256, (9, 9), dtype=np.uint8)
    right = [greys[y, x + 1] > greys[y, x] for y in range(8) for x in range(8)]
    down = [greys[y + 1, x] > greys[y, x] for y in range(8) for x in range(8)]
    bits = perceptual_hash(np.stack([greys] * 3, axis=2)).bits
    assert np.unpackbits(bits.view(np.uint8)).tolist() == [int(bit) for bit in right + down]


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_is_found_again_and_others_are_not(seed, tmp_path):
    picture = broken.scene(seed)
    picture.save(tmp_path / "a.jpg", quality=40)
    smaller = picture.resize((80, 60), Image.Resampling.BICUBIC)
    lighter = picture.point(lambda value: min(value + 6, 255))
    for other in (Image.open(tmp_path / "a.jpg"), smaller, lighter):
        assert apart(np.array(picture), np.array(other)) <= 12
    assert min(apart(np.array(picture), np.array(broken.scene(seed + other))) for other in range(1, 20)) > 30


# The command line.


def test_the_terminal_says_what_was_understood(tmp_path, capsys):
    folder = broken.sound_folder(tmp_path / "data")
    quarter = np.repeat(np.array([0, 0, 0, 1], np.uint8), 8)
    broken.each_mask(folder, lambda mask: np.tile(quarter, (len(mask), mask.shape[1] // 32)))
    broken.schema(folder)
    assert main(["doctor", str(folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        "data     images/ and masks/: 8 in train, 3 in val",
        "classes  3: land 75.0%, sea 25.0%, sky 0.0%",
    ]


def test_the_page_says_the_sizes_of_least_and_most_pixels(tmp_path):
    for name, size in (("a", (20, 20)), ("b", (10, 30))):  # width and height
        for place in ("images", "masks"):
            (tmp_path / "data" / place).mkdir(parents=True, exist_ok=True)
            Image.new("RGB" if place == "images" else "L", size).save(tmp_path / "data" / place / f"{name}.png")
    main(["doctor", str(tmp_path / "data"), "--html", str(tmp_path / "page.html")])
    assert "10 x 30 to 20 x 20" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(("write", "layout"), [(layouts.via, "VIA"), (layouts.yolo, "YOLO polygons")])
def test_the_terminal_says_whose_files_it_read(write, layout, tmp_path, capsys):
    write(tmp_path)
    assert main(["doctor", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"data     {layout}: ")


def test_the_terminal_shows_a_few_of_a_kind_and_the_page_all(tmp_path, capsys):
    folder, page = fake_folder(tmp_path / "data"), tmp_path / "page.html"
    shutil.rmtree(folder / "masks")
    (folder / "masks").mkdir()
    Image.new("L", (16, 12)).save(folder / "masks/photo1.png")
    assert main(["doctor", str(folder), "--html", str(page)]) == 1
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.count("no mask for images/") == 3
    assert f"and 7 more about 'no mask'; {page} shows all" in told.out
    assert page.read_text().count("no mask for images/") == 10


def test_the_page_shows_samples_balance_values_and_twins(tmp_path):
    folder, page = broken.sound_folder(tmp_path / "[b]<i>data"), tmp_path / "page.html"
    broken.nearly_in_val(folder)
    broken.schema(folder, 'classes = ["<script>", "sea", "sky"]\n')
    assert main(["doctor", str(folder), "--html", str(page)]) == 0
    html = page.read_text()
    for part in ("Samples", "Class balance of train", "Values in the masks", "In two splits", "photo9 (val)"):
        assert part in html
    assert html.count("<img") == 9 + 2
    assert "<script" not in html
    assert "<i>data" not in html


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["nowhere"], 1, "no data folder nowhere; check the name"),
        (["{data}", "--schema", "nowhere.toml"], 1, "cannot read schema nowhere.toml"),
        (["{data}", "--splits", "vla"], 1, "has no split 'vla'; choose from train, val"),
        (["{data}", "--html", "{data}/train.txt/page.html"], 2, "cannot write"),
    ],
)
def test_bad_arguments(tmp_path, arguments, status, told, capsys):
    folder = broken.sound_folder(tmp_path / "data")
    assert main(["doctor", *(argument.format(data=folder) for argument in arguments)]) == status
    printed = capsys.readouterr()
    assert told in printed.out + printed.err


def test_a_run_that_goes_on_is_not_examined_again(tmp_path, monkeypatch):
    from atrous.cli import train as verb

    monkeypatch.setattr(verb, "examined", lambda *_, **__: pytest.fail("examined"))
    folder = broken.sound_folder(tmp_path / "data")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/state.safetensors").touch()
    assert main(["train", str(folder), "--out", str(tmp_path / "run"), "--recipe", "scenes"]) == 2  # state is no state


def test_a_folder_that_cannot_be_listed_is_one_line(tmp_path, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path / "images"))

    monkeypatch.setattr("atrous.data.doctor.survey.contents_of", forbidden)
    folder = broken.sound_folder(tmp_path)
    told = [finding.line for finding in diagnose(folder).errors]
    assert told == [f"cannot read {tmp_path / 'images'}: Permission denied; check the name and the access rights"]


def test_a_name_that_steers_terminals_is_told_without_doing_so(tmp_path, capsys):
    folder = broken.sound_folder(tmp_path / "data")
    (folder / "images/\x1b[2Jnotes.txt").touch()
    assert main(["doctor", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "[2Jnotes.txt" in told
    assert "\x1b" not in told
