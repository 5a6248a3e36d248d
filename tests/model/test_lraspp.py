import numpy as np
import pytest
import torch
from torch import nn

from atrous.model.lraspp import LRASPP
from atrous.model.resampling import ImageMean, WindowMeans
from reference.networks import Reference
from reference.weights import arrays, randomize, uniform


def means_over_windows(x, *, window, stride):
    """By the definition: the windows that lie inside, from the upper left corner."""
    rows = range(0, x.shape[2] - window[0] + 1, stride[0])
    columns = range(0, x.shape[3] - window[1] + 1, stride[1])
    return np.stack(
        [
            np.stack([x[:, :, i : i + window[0], j : j + window[1]].mean(axis=(2, 3)) for j in columns], axis=-1)
            for i in rows
        ],
        axis=-2,
    )


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [(6, 5), (1, 1)])
def test_gates_of_the_whole_image(size, training, align_corners):
    head = randomize(LRASPP(3, ImageMean(), nn.Sigmoid(), channels=4, align_corners=align_corners))
    x = uniform(2, 3, *size)
    reference = Reference(arrays(head), training=training)
    pooled = x.numpy().mean(axis=(2, 3), keepdims=True)
    expected = reference.lraspp(x.numpy(), (11, 9), pooled=pooled, hard=False, align_corners=align_corners)
    head.train(training)
    np.testing.assert_allclose(head(x, size=(11, 9)).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("size", "window"),
    [((9, 16), (5, 5)), ((5, 5), (5, 5)), ((4, 16), (4, 5)), ((1, 1), (1, 1))],  # no larger than the map
)
def test_gates_of_windows(size, window, align_corners):
    """65 and 16, 48 pixels are 5 and 1, 3 positions at output stride 16."""
    pool = WindowMeans(window=(65, 65), stride=(16, 48))
    head = randomize(LRASPP(3, pool, nn.Hardsigmoid(), channels=4, align_corners=align_corners))
    x = uniform(2, 3, *size, low=-6, high=6)
    pooled = means_over_windows(x.numpy(), window=window, stride=(1, 3))
    reference = Reference(arrays(head))
    expected = reference.lraspp(x.numpy(), (20, 33), pooled=pooled, hard=True, align_corners=align_corners)
    np.testing.assert_allclose(head(x, size=(20, 33)).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("output_stride", "window", "stride"),
    [(32, 25, (4, 5)), (16, 49, (8, 10)), (8, 97, (16, 20)), (4, 193, (32, 40))],
)
def test_windows_follow_the_output_stride(output_stride, window, stride):
    """The official code: crops of 769 pixels give windows of (769 - 1) / 32 + 1 = 25, 4 down and 5 to the right."""
    head = LRASPP(3, WindowMeans(window=(769, 769), stride=(128, 160)), nn.Hardsigmoid(), channels=4)
    head.plan(output_stride=output_stride)
    assert (head.pool.window, head.pool.stride) == ((window, window), stride)


def test_windows_of_the_official_evaluation():
    """At output stride 32 a Cityscapes image is 33x65; windows of 25 lie at 3 x 9 places."""
    pool = WindowMeans(window=(769, 769), stride=(128, 160), output_stride=32)
    assert pool(torch.zeros(1, 2, 33, 65)).shape == (1, 2, 3, 9)
