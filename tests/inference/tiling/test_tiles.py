"""Tiles and their blend weights by properties: weights add up to 1, and are 0 near the borders of a tile."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.errors import InputError
from atrous.inference.tiling.blend_weights import blend_weights
from atrous.inference.tiling.tiles import Tiling, tile_spans
from atrous.ops.bilinear import axis_neighbours

STRIDES = st.sampled_from([(4, 4), (8, 4), (16, 4), (16, 8), (16, 16), (32, 32), (32, 4)])


@settings(max_examples=300)
@given(
    length=st.integers(1, 3000),
    strides=STRIDES,
    room=st.integers(4, 40),
    overlap=st.integers(0, 300),
    fade=st.integers(0, 300),
    beyond=st.integers(0, 31),
    align_corners=st.booleans(),
)
def test_blend_weights_are_a_partition_of_unity(length, strides, room, overlap, fade, beyond, align_corners):
    multiple, stride = strides
    tiling = Tiling(size=overlap + room * multiple, overlap=overlap)
    cut = tile_spans(length, tiling=tiling, output_stride=multiple, logits_stride=stride, fade=fade)
    positions, pixels = -(-length // stride), max(length - beyond, 1)
    along = axis_neighbours(pixels, length=length, source=positions, align_corners=align_corners, like=torch.zeros(0))
    found = blend_weights(cut, along, logits_stride=stride)

    assert (cut[0].begin, cut[-1].end) == (0, length)
    assert all(span.begin % multiple == 0 and span.end - span.begin <= tiling.size for span in cut)
    assert all((span.end - length) % multiple == 0 for span in cut)  # parity on every level
    total, final = torch.zeros(positions), 0
    for number, (span, blend) in enumerate(zip(cut, found, strict=True)):
        own = -(-(span.end - span.begin) // stride)
        assert 0 <= blend.tile_slice.start < blend.tile_slice.stop <= own
        assert blend.tile_slice.start + span.begin // stride == blend.start
        total[blend.start : blend.start + len(blend.weights)] += blend.weights
        # What is final here begins with the last position that was final before.
        assert blend.final_positions.start == max(final - 1, 0)
        final = blend.final_positions.stop
        part = slice(blend.image_pixels.start, blend.image_pixels.stop)
        assert torch.equal(blend.neighbours.first + blend.start, along.first[part])
        assert torch.equal(blend.neighbours.second + blend.start, along.second[part])
        if len(blend.neighbours.first):
            assert blend.neighbours.first.min() >= 0
            assert blend.neighbours.second.max() < blend.final_count
        if number:
            before = cut[number - 1]
            assert before.end - span.begin >= overlap
            # Both see half of the overlap beyond the pixel where the larger weight changes from one to the other.
            assert span.fade_in.middle - span.begin >= overlap / 2
            assert before.end - span.fade_in.middle + stride >= overlap / 2
    torch.testing.assert_close(total, torch.ones(positions), rtol=0, atol=1e-6)
    assert [blend.image_pixels.start for blend in found[1:]] == [blend.image_pixels.stop for blend in found[:-1]]
    assert (found[0].image_pixels.start, found[-1].image_pixels.stop) == (0, pixels)


def test_by_hand():
    """33 + 16k pixels: tiles of 65 every 16 at most, since 16 pixels overlap and 32 more."""
    cut = tile_spans(113, tiling=Tiling(size=65, overlap=16), output_stride=16, logits_stride=16, fade=0)
    assert [(span.begin, span.end, span.fade_in.begin) for span in cut] == [
        (0, 65, 0),
        (16, 81, 48),
        (32, 97, 64),
        (48, 113, 80),
    ]


def test_a_weight_rises_linearly():
    """The tiles at 0 and 96 blend 161 pixels; over 64 of them, around 192, four positions have 1 to 4 fifths."""
    cut = tile_spans(801, tiling=Tiling(size=257, overlap=96), output_stride=16, logits_stride=16, fade=64)
    along = axis_neighbours(801, length=801, source=51, align_corners=True, like=torch.zeros(0))
    first, second = blend_weights(cut, along, logits_stride=16)[:2]
    assert (cut[1].begin, *cut[1].fade_in) == (96, 160, 224)
    fifths = torch.tensor([0.2, 0.4, 0.6, 0.8])
    torch.testing.assert_close(second.weights[:6], torch.tensor([0, *fifths, 1]))
    torch.testing.assert_close(first.weights[-5:], torch.tensor([1, *(1 - fifths)]))


@pytest.mark.parametrize("values", [{"size": 0}, {"size": 70000}, {"overlap": -1}, {"size": 64, "overlap": 64}])
def test_tiles_that_cover_nothing_are_refused(values):
    with pytest.raises(InputError, match="give a size up to 65536"):
        Tiling(**values)


def test_too_much_overlap_names_the_remedy():
    with pytest.raises(InputError, match="tiles of 512 pixels cannot overlap by 480; give them a size of at least 544"):
        tile_spans(4000, tiling=Tiling(size=512, overlap=480), output_stride=16, logits_stride=4, fade=0)
    assert len(tile_spans(4000, tiling=Tiling(size=544, overlap=480), output_stride=16, logits_stride=4, fade=0)) > 1
