"""Networks with drawn variables against what the official TensorFlow code gave for the same ones."""

import gzip
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from reference.tensorflow_variables import drawn_image, drawn_variable
from safetensors.numpy import load_file

from atrous.model.build import build
from atrous.weights.tensorflow.mapping import averaged, state_of
from atrous.weights.tensorflow.network import config_of, segments
from atrous.weights.tensorflow.variable import Variable

REFERENCE = Path(__file__).parents[1] / "reference"
LOGITS = load_file(REFERENCE / "tensorflow_deeplab.safetensors")
SHAPES = json.loads(gzip.decompress((REFERENCE / "tensorflow_deeplab_shapes.json.gz").read_bytes()))
SIZES = ((65, 81), (64, 72))


@pytest.mark.parametrize("name", SHAPES)
def test_logits_are_those_of_the_official_code(name):
    variables = {
        theirs: Variable(tuple(shape), np.dtype("<f4"), partial(drawn_variable, theirs, shape))
        for theirs, shape in SHAPES[name].items()
    }
    kept, skipped = averaged(variables)
    assert not skipped
    shapes = {theirs: variable.shape for theirs, variable in kept.items()}
    config = config_of(shapes, output_stride=8 if name.endswith("stride_8") or name == "resnet_v1_50" else None)
    assert segments(shapes)
    state, beyond = state_of(kept, config, segments=True)
    assert not beyond
    # The official code resolves any size as it is.
    model = build(replace(config, conventions=replace(config.conventions, fit="none"))).eval()
    model.load_state_dict(state)
    for height, width in SIZES:
        expected = LOGITS[f"{name}/{height}x{width}"]
        with torch.inference_mode():
            found = model(torch.from_numpy(drawn_image(height, width).transpose(0, 3, 1, 2))).numpy()
        print(name, np.abs(found - expected).max(), np.abs(expected).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
