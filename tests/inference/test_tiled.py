"""Tiled logits against those of the whole picture, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import atrous
from atrous.data.windows import ArrayPixels
from atrous.inference.tiled import windows
from atrous.inference.tiles import Tiling
from atrous.model.config import ASPPConfig
from atrous.model.receptive_field import receptive_fields
from fakes.lively_model import blocks, lively_model
from fakes.small_models import small_config

CONVENTIONS = {
    "tensorflow": atrous.TENSORFLOW,
    "pytorch": atrous.PYTORCH,
    "same, not fitted": replace(atrous.TENSORFLOW, fit="none"),
}


def picture(size, *, seed=0):
    return np.ascontiguousarray(blocks(*size, seed=seed)[0].permute(1, 2, 0).numpy())


def model_of(name, *, pooling=False, **changes):
    """One that sees little, so that small pictures are cut: output stride 8, ASPP rates of 1 and 2 positions."""
    config = small_config(name)
    if isinstance(config.aspp, ASPPConfig):
        narrow = replace(config.aspp, image_pooling=pooling, rates=(2,))
        config = replace(config, aspp=narrow)
    changes = {"output_stride": 16, "aspp": config.aspp} | changes
    return lively_model(name, **changes).double().eval()


def tiled(model, image, tiling):
    """Probabilities at every pixel, and how many windows they came from."""
    full = np.full((model.config.classes, *image.shape[:2]), np.nan)
    count = 0
    with torch.inference_mode():
        for window in windows(model, ArrayPixels(image), tiling=tiling):
            count += 1
            for rows, probabilities in window.probabilities():
                assert np.isnan(full[:, rows, window.columns]).all()  # every pixel once
                full[:, rows, window.columns] = probabilities.numpy()
    return full, count


def whole(model, image):
    with torch.inference_mode():
        return model.logits(torch.from_numpy(image).permute(2, 0, 1)[None]).softmax(dim=1)[0].numpy()


@pytest.mark.parametrize("conventions", CONVENTIONS)
@pytest.mark.parametrize("size", [(700, 33), (33, 701), (644, 640), (577, 657)])
@pytest.mark.parametrize("name", ["deeplabv3_mobilenet_v2", "deeplabv3plus_mobilenet_v2"])
def test_with_the_receptive_field_as_overlap_it_is_the_whole_picture(name, size, conventions):
    model = model_of(name, conventions=CONVENTIONS[conventions])
    image = picture(size)
    field = receptive_fields(model)["classifier"]
    found, count = tiled(model, image, Tiling(size=field + 64, overlap=field))
    print(field, count)
    np.testing.assert_allclose(found, whole(model, image), atol=1e-9)
    assert count > 1
