import numpy as np
import pytest
from PIL import Image

from atrous.data.dataset import open_data
from atrous.demo.color_classifier import ColorClassifier
from atrous.demo.scenes import SCENE_LABELS, draw_scene, write_scenes
from atrous.demo.scenes.canvas import Canvas, Patch
from atrous.demo.scenes.scene_state import FIELD, WATER
from atrous.demo.scenes.texture import noise
from atrous.errors import InputError

SIZE = (96, 128)


def developed(canvas):
    return canvas.developed(exposure=1.0, grain=np.zeros((canvas.height // 2, canvas.width // 2, 3), np.float32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenes")
    write_scenes(path, train=24, val=8, size=SIZE, seed=5)
    return path


@pytest.fixture(scope="module")
def samples(folder):
    data = open_data(folder, split="train")
    return [data[index] for index in range(len(data))]


def test_the_folder_is_one_that_users_have(folder):
    train, val = (open_data(folder, split=split) for split in ("train", "val"))
    assert (len(train), len(val)) == (24, 8)
    assert train.names[:2] == ["scene00000", "scene00001"]
    assert val.names[0] == "scene00024"
    assert train.labels == SCENE_LABELS
    sample = val[3]
    image, labels = draw_scene(SIZE, np.random.default_rng((5, 27)))
    np.testing.assert_array_equal(sample.labels, labels)
    assert np.abs(sample.image.astype(int) - image).mean() < 6  # JPEG
    palette = Image.open(folder / "masks" / "scene00027.png").getpalette()
    assert tuple(palette[:24]) == tuple(value for color in SCENE_LABELS.palette for value in color)


def test_a_seed_gives_the_same_bytes_whatever_the_numbers(folder, tmp_path):
    write_scenes(tmp_path, train=1, val=2, size=SIZE, seed=5)
    for name in ("images/scene00000.jpg", "masks/scene00002.png", "schema.toml"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
    write_scenes(tmp_path / "other", train=1, val=0, size=SIZE, seed=6)
    first = "images/scene00000.jpg"
    assert (tmp_path / "other" / first).read_bytes() != (folder / first).read_bytes()


def test_progress_counts_every_scene(tmp_path):
    calls = []
    write_scenes(tmp_path, train=2, val=1, size=(32, 32), on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write .*file/images"):
        write_scenes(tmp_path / "file", train=1, val=1, size=(32, 32))


def test_every_class_is_there_in_numbers(samples):
    counts = np.array([np.bincount(sample.labels.ravel(), minlength=len(SCENE_LABELS)) for sample in samples])
    assert counts.shape[1] == len(SCENE_LABELS)
    assert (counts.sum(axis=0) / counts.sum() > 0.015).all()
    assert ((counts > 0).sum(axis=0) >= 8).all()


def test_things_come_at_several_scales(samples):
    for name in ("house", "tree", "boat", "balloon"):
        areas = [(sample.labels == SCENE_LABELS.names.index(name)).sum() for sample in samples]
        assert max(areas) > 9 * min(area for area in areas if area)


def test_colour_says_little(folder):
    """What the demo compares with: a classifier that only sees colours scores below 0.35 mIoU."""
    train, val = (open_data(folder, split=split) for split in ("train", "val"))
    classifier = ColorClassifier.fit(train)
    classes = len(SCENE_LABELS)
    confusion = np.zeros((classes, classes))
    for index in range(len(val)):
        sample = val[index]
        np.add.at(confusion, (sample.labels, classifier.predict(sample.image)), 1)
    hits = confusion.diagonal()
    iou = hits / (confusion.sum(0) + confusion.sum(1) - hits)
    assert 0.1 < iou.mean() < 0.35


def test_texture_says_much(samples):
    """Waves lie, blades stand: along water's rows the picture changes less than along its columns, on fields more."""
    changes = {FIELD: [], WATER: []}
    for sample in samples:
        grey, labels = sample.image.astype(float).mean(axis=2), sample.labels
        for label, found in changes.items():
            inside = (labels == label)[:-1, :-1] & (labels == label)[1:, :-1] & (labels == label)[:-1, 1:]
            if inside.sum() > 400:
                across, down = np.abs(np.diff(grey, axis=1))[:-1], np.abs(np.diff(grey, axis=0))[:, :-1]
                found.append(across[inside].mean() / down[inside].mean())
    assert np.median(changes[WATER]) < 0.9 < 1.1 < np.median(changes[FIELD])


@pytest.mark.parametrize("size", [(32, 32), (33, 71), (200, 90)])
def test_any_size_is_drawn(size):
    for number in range(5):
        image, labels = draw_scene(size, np.random.default_rng(number))
        assert image.shape == (*size, 3)
        assert labels.shape == size
        assert labels.max() < len(SCENE_LABELS)
        assert image.std() > 5


def test_a_rectangle_is_painted_and_labelled_where_it_lies():
    canvas = Canvas(4, 6)
    canvas.paint(canvas.polygon([(4.0, 2.0), (7.0, 2.0), (7.0, 5.0), (4.0, 5.0)]), np.float32([200, 100, 0]), label=3)
    image, labels = developed(canvas)
    inside = np.zeros((4, 6), bool)
    inside[1:3, 2:4] = True
    np.testing.assert_array_equal(labels, np.where(inside, 3, 0))
    np.testing.assert_array_equal(image, inside[..., None] * np.uint8([200, 100, 0]))


def test_edges_are_smooth_in_the_picture_and_crisp_in_the_mask():
    canvas = Canvas(2, 2)
    canvas.paint(Patch(slice(0, 4), slice(1, 4), np.ones((4, 3), bool)), np.float32([100, 100, 100]), label=1)
    image, labels = developed(canvas)
    assert image[..., 0].tolist() == [[50, 100], [50, 100]]
    assert labels.tolist() == [[1, 1], [1, 1]]


def test_shadows_and_reflections_keep_the_class():
    canvas = Canvas(2, 2)
    whole = canvas.below(np.zeros(4))
    canvas.paint(whole, np.float32([100, 100, 100]), label=2)
    canvas.paint(whole, np.float32([0, 0, 0]), strength=0.25)
    image, labels = developed(canvas)
    assert (image == 75).all()
    assert (labels == 2).all()


def test_shapes_are_cut_at_the_edge():
    canvas = Canvas(3, 3)
    outside = (
        canvas.ellipse((-40.0, 2.0), (3.0, 3.0)),
        canvas.polygon([(20.0, 20.0), (30.0, 20.0), (30.0, 30.0)]),
        canvas.below(np.full(6, 9.0)),
    )
    for shape in outside:
        canvas.paint(shape, np.float32([255, 255, 255]), label=1)
    assert developed(canvas)[1].max() == 0
    canvas.paint(canvas.ellipse((0.0, 0.0), (2.5, 2.5)), np.float32([255, 255, 255]), label=1)
    assert developed(canvas)[1].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_noise_has_its_mean_and_its_scale():
    values = noise(np.random.default_rng(0), (400, 400), cell=(40.0, 4.0), octaves=1)
    assert values.mean() == pytest.approx(0.5, abs=0.03)
    steps = [np.abs(np.diff(values, axis=axis)).mean() for axis in (0, 1)]
    assert steps[1] / steps[0] == pytest.approx(10, rel=0.35)
