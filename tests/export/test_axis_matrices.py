import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from atrous.export.axis_matrices import MatrixResize, MatrixWindowMeans, interpolation_matrix
from atrous.model.resampling import WindowMeans


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_two_matrix_products_resize_as_torch_does(height, width, h, w, align_corners):
    x = torch.randn(2, 3, h, w)
    resized = MatrixResize(align_corners=align_corners)(x, (height, width))
    expected = F.interpolate(x.double(), size=(height, width), mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(resized.double(), expected, rtol=0, atol=3e-6)


def test_weights_are_those_computed_by_hand():
    """Three pixels between two positions: halfway with aligned corners; at 0, 1/2, 1 of the clamped axis without."""
    aligned = interpolation_matrix(3, length=3, source=2, align_corners=True)
    assert aligned.tolist() == [[1, 0], [0.5, 0.5], [0, 1]]
    edges = interpolation_matrix(2, length=4, source=2, align_corners=False)
    assert edges.tolist() == [[1, 0], [0.75, 0.25]]  # (0.5 / 2 - 0.5) is below 0; (1.5 / 2 - 0.5) = 0.25


def test_weights_do_not_lose_digits_on_long_axes():
    exact = torch.arange(6145, dtype=torch.float64) * 384 / 6144
    matrix = interpolation_matrix(6145, length=6145, source=385, align_corners=True)
    torch.testing.assert_close(matrix.double() @ torch.arange(385.0).double(), exact, rtol=0, atol=3e-5)


@pytest.mark.parametrize("size", [(33, 40), (5, 70), (1, 1)])
def test_window_means_are_those_of_average_pooling(size):
    means = WindowMeans(window=(161, 161), stride=(64, 80), output_stride=16)
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(MatrixWindowMeans(means)(x), means(x), rtol=0, atol=1e-6)
