import numpy as np
import pytest

from atrous.model.decoder import Decoder
from reference.networks import Reference
from reference.weights import arrays, randomize, uniform


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("low", "high"), [((9, 13), (3, 4)), ((8, 6), (2, 2)), ((1, 5), (1, 1)), ((5, 5), (5, 5))])
def test_decoder(low, high, align_corners, training):
    decoder = randomize(
        Decoder(
            4, 3, low_level_channels=2, refinement=((3, 5, False), (3, 4, True)), align_corners=align_corners
        )
    )  # fmt: skip
    low_map, encoded = uniform(2, 4, *low), uniform(2, 3, *high, seed=1)
    reference = Reference(arrays(decoder), training=training)
    expected = reference.decoder(low_map.numpy(), encoded.numpy(), separable=(False, True), align_corners=align_corners)
    decoder.train(training)
    np.testing.assert_allclose(decoder(low_map, encoded).detach().numpy(), expected, atol=1e-12)


def test_paper_decoder_joins_256_and_48_channels():
    """DeepLabv3+, section 4.1: 304 channels into the first 3x3, encoder first."""
    decoder = Decoder(256, 256)
    assert decoder.low_level.conv.weight.shape == (48, 256, 1, 1)
    assert [layer.conv.weight.shape for layer in decoder.refine] == [(256, 304, 3, 3), (256, 256, 3, 3)]
    assert decoder.out_channels == 256
    assert Decoder(24, 16, low_level_channels=8, refinement=()).out_channels == 24
