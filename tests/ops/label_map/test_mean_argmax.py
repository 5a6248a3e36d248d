"""The label map of several views against its definition in float64."""

import importlib
import sys
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.ops.bilinear import neighbours, pixel_coordinates, source_coordinates
from atrous.ops.label_map import backend
from atrous.ops.label_map.augmented_logits import AugmentedLogits, mean_bands, mean_probabilities
from atrous.ops.label_map.mean_argmax import mean_argmax
from atrous.ops.label_map.mean_argmax_cpu import _exponential

COMPILED = importlib.import_module("atrous.ops.label_map.mean_argmax_cpu")
DISPATCH = importlib.import_module("atrous.ops.label_map.mean_argmax")


def view(logits, size, *, flipped=False, align_corners=True):
    def places(length, source, *, turned):
        positions = source_coordinates(
            pixel_coordinates(length), length=length, source=source, align_corners=align_corners
        )
        return neighbours(positions.flip(0) if turned else positions, source=source, like=logits)

    rows, columns = places(size[0], logits.shape[2], turned=False), places(size[1], logits.shape[3], turned=flipped)
    return AugmentedLogits(logits, rows, columns)


def defined(views):
    """Mean of the softmax of full-resolution logits, in double precision."""

    def double(one):
        rows, columns = (type(axis)(axis.first, axis.second, axis.weight.double()) for axis in (one.rows, one.columns))
        return AugmentedLogits(one.logits.double(), rows, columns)

    return sum(double(one).probabilities(slice(None)) for one in views) / len(views)


def assert_labels(labels, expected):
    """Where they differ, the two best are closer than single precision tells apart."""
    lost = expected.amax(dim=1) - expected.gather(1, labels.long()[:, None])[:, 0]
    assert lost.max() < 2e-6
    assert (labels != expected.argmax(dim=1)).sum() <= (lost > 0).sum()


def smooth(generator, *shape):
    """Logits with areas of one class, as trained networks have."""
    coarse = 6 * torch.randn(*shape[:2], 2, 2, generator=generator)
    full = torch.nn.functional.interpolate(coarse, shape[2:], mode="bilinear", align_corners=True)
    return full + 0.3 * torch.randn(*shape, generator=generator)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    classes=st.sampled_from([1, 2, 3, 19, 21, 150, 300]),
    size=st.tuples(st.integers(1, 40), st.integers(1, 300)),
    maps=st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5),
    batch=st.integers(1, 2),
    align_corners=st.booleans(),
    noise=st.booleans(),
)
def test_labels_are_those_of_the_definition(seed, classes, size, maps, batch, align_corners, noise):
    generator = torch.Generator().manual_seed(seed)
    views = []
    for number, (height, width) in enumerate(maps):
        shape = (batch, classes, height, width)
        logits = torch.randn(*shape, generator=generator) if noise else smooth(generator, *shape)
        if number % 3 == 1:
            logits = logits.contiguous(memory_format=torch.channels_last)
        views.append(view(logits, size, flipped=bool(number % 2), align_corners=align_corners))
    labels = mean_argmax(views)
    assert labels.dtype == (torch.uint8 if classes <= 255 else torch.int16)
    assert_labels(labels, defined(views))


def test_classes_that_win_no_view_can_win_the_mean():
    """By hand: (0.6, 0.4, 0), (0, 0.4, 0.6): each view has another winner, the mean is (0.3, 0.4, 0.3)."""
    shares = torch.tensor([[0.6, 0.4, 1e-9], [1e-9, 0.4, 0.6]]).log()
    views = [view(share.view(1, 3, 1, 1), (2, 3)) for share in shares]
    assert mean_argmax(views).unique().tolist() == [1]


def test_of_equal_classes_the_lowest_wins():
    logits = torch.zeros(1, 4, 3, 3)
    logits[:, 0] = -1
    assert mean_argmax([view(logits, (7, 7)), view(logits, (7, 7), flipped=True)]).unique().tolist() == [1]


def test_views_agree_where_one_class_wins_every_one(monkeypatch):
    """A cell is decided early only where the same class wins it at every view: everywhere here, nowhere below."""
    asked = []
    label_rows = COMPILED._label_rows
    monkeypatch.setattr(COMPILED, "_label_rows", lambda *args: asked.append(args) or label_rows(*args))
    sure = torch.zeros(1, 3, 4, 4)
    sure[:, 2] = 5
    other = sure.roll(1, dims=1)
    agreed = torch.empty(9, dtype=torch.int32).numpy()
    for views, expected in (([sure, sure], {2}), ([sure, other], {-1})):
        mean_argmax([view(one, (9, 9)) for one in views])
        maps, rows, columns, _ = asked.pop()
        COMPILED._common_winner(maps, rows.first[:, 4], rows.second[:, 4], columns, agreed)
        assert {*agreed.tolist()} == expected


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_follows_torch(odd):
    logits = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    logits[0, 1, 2, 2] = odd
    views = [view(logits, (9, 11)), view(torch.zeros(1, 3, 2, 2), (9, 11))]
    bands = torch.cat([mean_probabilities(views, band) for band in mean_bands(views)], dim=2)
    assert torch.equal(mean_argmax(views).long(), bands.argmax(dim=1))


@pytest.mark.parametrize(
    ("dtype", "without"), [(torch.float64, False), (torch.float32, True)], ids=["double", "no compiler"]
)
def test_torch_does_the_same(dtype, without, monkeypatch):
    if without:
        monkeypatch.setattr(DISPATCH, "compiled_mean_argmax", lambda: None)
    generator = torch.Generator().manual_seed(3)
    views = [view(smooth(generator, 2, 5, 4, 6).to(dtype), (30, 17), flipped=turned) for turned in (False, True)]
    assert_labels(mean_argmax(views), defined(views))


def test_without_a_compiler_for_it_torch_labels_and_says_so_once(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "atrous.ops.label_map.mean_argmax_cpu", None)
    for function in (backend._working, backend._warn):
        monkeypatch.setattr(backend, function.__name__, cache(function.__wrapped__))
    views = [view(smooth(torch.Generator().manual_seed(3), 1, 5, 4, 6), (30, 17), flipped=side) for side in (0, 1)]
    for _ in range(2):
        assert_labels(mean_argmax(views), defined(views))
    (record,) = caplog.records
    assert "several times longer without compiled code" in record.getMessage()


def test_an_empty_batch_has_no_labels():
    assert mean_argmax([view(torch.zeros(0, 3, 2, 2), (5, 4))]).shape == (0, 5, 4)


def test_many_threads_do_what_one_does():
    views = [view(smooth(torch.Generator().manual_seed(n), 1, 21, 9, 9), (200, 90)) for n in range(3)]
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(mean_argmax(views))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_the_exponential_is_right_to_single_precision():
    exponents = torch.cat([torch.linspace(-87, 0, 20001), torch.tensor([-1e30, -88.0])])
    values, highest = (exponents + 3).numpy().copy(), torch.full((len(exponents),), 3.0).numpy()
    reference = (torch.from_numpy(values.copy()).double() - 3).clamp(min=-87).exp()
    _exponential(values, highest, torch.empty(len(exponents), dtype=torch.int32).numpy())
    assert ((torch.from_numpy(values).double() - reference) / reference).abs().max() < 2**-21
