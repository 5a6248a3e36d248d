"""Label maps against the definition in float64; compiled and plain torch alike."""

import importlib
import sys
from functools import cache, partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from atrous.errors import InputError
from atrous.ops.bilinear import Neighbours, axis_neighbours
from atrous.ops.label_map import backend
from atrous.ops.label_map.upsample_argmax import upsample_argmax, upsample_argmax_at
from atrous.weights.load import load
from reference.operations import axis_weights, bilinear
from reference.placement import placed
from reference.weights import uniform

DISPATCH = importlib.import_module("atrous.ops.label_map.upsample_argmax")
COMPILED = importlib.import_module("atrous.ops.label_map.cpu")
WAYS = {"numba": COMPILED, "torch": None}

LAYOUTS = {
    "contiguous": lambda maps: maps,
    "channels last": lambda maps: maps.contiguous(memory_format=torch.channels_last),
    "transposed": lambda maps: maps.transpose(2, 3).contiguous().transpose(2, 3),
    "every other": lambda maps: maps.repeat_interleave(2, dim=1).repeat_interleave(2, dim=3)[:, ::2, :, ::2],
    "reversed order": lambda maps: maps.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
    "expanded": lambda maps: maps[:1].expand(len(maps), -1, -1, -1),
}
ROUNDING = {torch.float64: 1e-12}  # of the largest logit, between the two best
SINGLE_ROUNDING = 2.0**-20


def labelled(way, logits, **placement):
    """The label map in one of the two ways."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DISPATCH, "compiled_module", lambda _: WAYS[way])
        return upsample_argmax(logits, placed(**placement))


@pytest.fixture(params=WAYS)
def label(request):
    """`upsample_argmax`, in both ways."""
    return partial(labelled, request.param)


def plain_labels(values, size, *, align_corners):
    """From the definition, with every class at every pixel and every neighbour that has a weight."""
    with np.errstate(invalid="ignore"):
        for axis, target in ((2, size[0]), (3, size[1])):
            weights = axis_weights(values.shape[axis], target, align_corners=align_corners)
            shares = np.moveaxis(values, axis, -1)[..., None, :] * weights
            values = np.moveaxis(np.where(weights == 0, 0, shares).sum(axis=-1), -1, axis)
    return values.argmax(axis=1)  # numpy: the first of equal ones, NaN before all


def test_a_class_that_wins_no_corner_wins_midway(label):
    logits = torch.tensor([[10.0, 0], [0, 10], [9, 9]])[None, :, None]
    assert label(logits, size=(1, 3), align_corners=True).tolist() == [[[0, 2, 1]]]
    assert label(logits, size=(3, 5), align_corners=True)[0, 1].tolist() == [0, 2, 2, 2, 1]
    assert label(logits, size=(1, 4), align_corners=False).tolist() == [[[0, 2, 2, 1]]]
    corners = torch.full((1, 5, 2, 2), -9.0)
    for k, (y, x) in enumerate(np.ndindex(2, 2)):
        corners[0, k, y, x] = 10
    corners[0, 4] = 1  # the others: 1.7 a quarter of the way in, 0.5 midway on an edge
    expected = [[0, 0, 4, 1, 1], [0, 0, 4, 1, 1], [4, 4, 4, 4, 4], [2, 2, 4, 3, 3], [2, 2, 4, 3, 3]]
    assert label(corners, size=(5, 5), align_corners=True)[0].tolist() == expected


@settings(max_examples=80)
@given(
    way=st.sampled_from(sorted(WAYS)),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    cut=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    align_corners=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]),
    layout=st.sampled_from(sorted(LAYOUTS)),
    spread=st.sampled_from([1e-3, 1.0, 1e4]),
    seed=st.integers(0, 999),
)
def test_any_logits_are_labelled_as_in_float64(way, shape, size, cut, align_corners, dtype, layout, spread, seed):
    logits = LAYOUTS[layout]((spread * uniform(*shape, seed=seed)).to(dtype))
    crop = tuple(max(length - less, 1) for length, less in zip(size, cut, strict=True))
    before = logits.clone()
    labels = labelled(way, logits, size=size, align_corners=align_corners, crop=crop)
    assert torch.equal(logits, before)
    assert labels.dtype == torch.uint8
    values = bilinear(logits.double().numpy(), size, align_corners=align_corners)[..., : crop[0], : crop[1]]
    chosen = np.take_along_axis(values, labels.long().numpy()[:, None], axis=1)[:, 0]
    rounding = ROUNDING.get(dtype, SINGLE_ROUNDING) * logits.abs().max().item()
    assert (values.max(axis=1) - chosen).max() <= rounding


@settings(max_examples=60)
@given(
    way=st.sampled_from(sorted(WAYS)),
    shape=st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(2, 5), st.integers(2, 5)),
    factors=st.tuples(st.sampled_from([1, 2, 4, 8, 64]), st.sampled_from([1, 2, 4, 8, 64])),
    values=st.sampled_from(["few", "infinite"]),
    share=st.sampled_from([0.02, 0.3]),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
    seed=st.integers(0, 999),
)
def test_ties_infinities_and_nans_are_as_defined_on_every_pixel(way, shape, factors, values, share, dtype, seed):
    """Small integers at dyadic positions: nothing is rounded, so every pixel must be right, ties included."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(-2, 3, shape, generator=generator).to(dtype)
    if values == "infinite":
        for special in (float("inf"), -float("inf"), float("nan")):
            logits[torch.rand(shape, generator=generator) < share] = special
    size = tuple((length - 1) * factor + 1 for length, factor in zip(shape[2:], factors, strict=True))
    labels = labelled(way, logits, size=size, align_corners=True)
    expected = plain_labels(logits.double().numpy(), size, align_corners=True)
    np.testing.assert_array_equal(labels.numpy(), expected)
    doubled = tuple(2 * length for length in shape[2:])
    labels = labelled(way, logits, size=doubled, align_corners=False)
    expected = plain_labels(logits.double().numpy(), doubled, align_corners=False)
    np.testing.assert_array_equal(labels.numpy(), expected)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("odd", [float("inf"), -float("inf"), float("nan")])
def test_a_neighbour_of_weight_0_contributes_nothing_at_chosen_pixels(way, odd, monkeypatch):
    """Pixels 0, 1/2 and 1 between (3, odd) and (4, 0): class 1 at the first; class 1, or the infinite one, later."""
    monkeypatch.setattr(DISPATCH, "compiled_module", lambda _: WAYS[way])
    logits = torch.tensor([[3, odd], [4.0, 0]])[None, :, None]
    rows = axis_neighbours(1, length=1, source=1, align_corners=True, like=logits)
    columns = axis_neighbours(3, length=3, source=2, align_corners=True, like=logits)
    later = 1 if odd == -float("inf") else 0
    assert upsample_argmax_at(logits, rows, columns).tolist() == [[[1, later, later]]]
    assert upsample_argmax(logits, placed((1, 3), align_corners=True)).tolist() == [[[1, later, later]]]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([0, 2], [1, 2], "neighbours 0 to 2 on an axis of 2 positions"),
        ([-1, 0], [0, 1], "neighbours -1 to 1 on an axis of 2 positions"),
        ([1, 0], [1, 1], "are not in ascending order"),
        ([0, 1], [1, 0], "a second neighbour is neither the first one nor the position after it"),
        ([0, 0], [1, 0], "equal first neighbours have different second neighbours"),
    ],
)
def test_neighbours_off_the_map_or_out_of_order_are_refused(first, second, message):
    """Compiled code would read other memory."""
    logits = torch.zeros(1, 2, 2, 2)
    good = axis_neighbours(2, length=2, source=2, align_corners=True, like=logits)
    bad = Neighbours(torch.tensor(first), torch.tensor(second), torch.zeros(2))
    for axes in ((good, bad), (bad, good)):
        with pytest.raises(InputError, match=message):
            upsample_argmax_at(logits, *axes)
    with pytest.raises(InputError, match="0 classes"):
        upsample_argmax_at(logits[:, :0], good, good)


def test_classes_that_are_masked_everywhere_never_win(label):
    logits = uniform(1, 6, 9, 9).float()
    logits[:, [0, 3]] = -float("inf")
    labels = label(logits, size=(33, 33), align_corners=True)
    kept = label(logits[:, [1, 2, 4, 5]], size=(33, 33), align_corners=True)
    assert torch.equal(labels, torch.tensor([1, 2, 4, 5], dtype=torch.uint8)[kept.long()])


def test_the_largest_finite_numbers_do_not_overflow(label):
    largest = torch.finfo(torch.float32).max
    logits = torch.tensor([[largest, -largest], [-largest, largest], [0, 0]])[None, :, None]
    assert label(logits, size=(1, 5), align_corners=True).tolist() == [[[0, 0, 0, 1, 1]]]


@pytest.mark.parametrize(
    ("classes", "coarse", "size"), [(21, (33, 33), (513, 513)), (150, (17, 33), (65, 129)), (300, (9, 9), (129, 65))]
)
@pytest.mark.parametrize("align_corners", [False, True])
def test_mismatches_at_real_sizes_are_counted(label, classes, coarse, size, align_corners):
    """White noise, where classes lie closest: at most three pixels in a million, all of them within rounding."""
    logits = torch.randn(1, classes, *coarse, generator=torch.Generator().manual_seed(3))
    labels = label(logits, size=size, align_corners=align_corners).long()
    values = F.interpolate(logits.double(), size, mode="bilinear", align_corners=align_corners)
    off = labels != values.argmax(dim=1)
    assert off.sum() <= 1
    chosen = values.gather(1, labels[:, None])[:, 0]
    assert (values.amax(dim=1) - chosen).max() <= SINGLE_ROUNDING * logits.abs().max()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_pieces_and_threads_change_nothing(threads, monkeypatch):
    logits = torch.randn(3, 7, 19, 23, generator=torch.Generator().manual_seed(0)).bfloat16()
    placement = {"size": (150, 200), "align_corners": False, "crop": (149, 190)}
    expected = labelled("torch", logits, **placement)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(COMPILED, "MAX_ROWS_PER_TASK", 4)
    assert torch.equal(labelled("numba", logits, **placement), expected)


def test_cells_larger_than_what_is_held_at_once(label):
    """A factor of 300: cells are cut along both axes; 40 cells of noise: more pixels than are interpolated together."""
    logits = uniform(1, 4, 2, 40).float()
    labels = label(logits, size=(301, 700), align_corners=True).long()
    values = F.interpolate(logits.double(), (301, 700), mode="bilinear", align_corners=True)
    assert (values.amax(dim=1) - values.gather(1, labels[:, None])[:, 0]).max() <= SINGLE_ROUNDING


@pytest.mark.parametrize(
    ("classes", "dtype"), [(1, torch.uint8), (255, torch.uint8), (256, torch.int16), (300, torch.int16)]
)
def test_labels_leave_room_for_an_ignore_value(label, classes, dtype):
    logits = torch.zeros(1, classes, 2, 2)
    logits[:, -1] = 1
    labels = label(logits, size=(5, 5), align_corners=True)
    assert labels.dtype == dtype
    assert set(labels.flatten().tolist()) == {classes - 1}


def test_no_images_have_no_labels(label):
    labels = label(torch.zeros(0, 3, 4, 5), size=(8, 9), align_corners=True, crop=(7, 6))
    assert (labels.shape, labels.dtype) == ((0, 7, 6), torch.uint8)


def test_logits_that_are_being_trained_are_labelled_too(label):
    logits = uniform(1, 3, 4, 4).requires_grad_()
    labels = label(logits, size=(7, 7), align_corners=True)
    assert not labels.requires_grad
    with torch.inference_mode():
        assert torch.equal(label(logits.detach().clone(), size=(7, 7), align_corners=True), labels)


@pytest.mark.parametrize(
    ("shape", "placement", "message"),
    [
        ((1, 0, 2, 2), {"size": (4, 4)}, "0 classes; a label map takes 1 to 32767"),
        ((1, 32768, 1, 1), {"size": (1, 1)}, "32768 classes"),
        ((1, 2, 0, 2), {"size": (4, 4)}, r"logits \[0, 2\] upsampled to \[4, 4\]: give at least one pixel"),
        ((1, 2, 2, 2), {"size": (4, 0)}, r"upsampled to \[4, 0\]"),
        ((1, 2, 2, 2), {"size": (4, 4), "crop": (-1, 4)}, r"upsampled to \[-1, 4\]"),
        ((1, 2, 2, 2), {"size": (4, 4), "crop": (4, 5)}, r"crop \[4, 5\] is larger than size \[4, 4\]"),
    ],
)
def test_what_cannot_be_is_refused(shape, placement, message):
    with pytest.raises(InputError, match=message):
        upsample_argmax(torch.zeros(shape), placed(align_corners=True, **placement))


def test_without_a_compiler_it_works_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "atrous.ops.label_map.cpu", None)
    for function in (backend._working, backend._warn):
        monkeypatch.setattr(backend, function.__name__, cache(function.__wrapped__))
    logits = uniform(1, 5, 6, 7)
    expected = labelled("numba", logits, size=(20, 30), align_corners=False)
    for _ in range(2):
        assert torch.equal(upsample_argmax(logits, placed((20, 30), align_corners=False)), expected)
    (record,) = caplog.records
    assert "several times longer without compiled code" in record.getMessage()


@pytest.mark.shared
@pytest.mark.parametrize("photo", ["segmentation_input_rotation0.jpg", "bird_segmentation.bmp"])
def test_logits_of_the_official_weights_on_real_photos(label, shared, photo):
    model = load(shared / "weights/deeplabv3_mnv2_dm05_voc_257_float.tflite").model.eval()
    with Image.open(shared / "images" / photo) as image:
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
    height, width = pixels.shape[-2:]
    with torch.inference_mode():
        coarse, placement = model(pixels), model.placement((height, width))
    labels = label(coarse, size=placement.size, align_corners=placement.align_corners, crop=placement.crop)
    values = F.interpolate(coarse.double(), placement.size, mode="bilinear", align_corners=placement.align_corners)
    assert torch.equal(labels.long(), values[..., :height, :width].argmax(dim=1))
    assert len(labels.unique()) > 1
