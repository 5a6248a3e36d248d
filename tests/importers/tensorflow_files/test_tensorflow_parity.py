"""Networks with drawn variables against what the official TensorFlow code gave for the same ones."""

import gzip
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from atrous.importers.tensorflow.mapping import averaged, state_of
from atrous.importers.tensorflow.network import config_of, segments
from atrous.importers.tensorflow.variable import Variable
from atrous.model.build import build
from reference.tensorflow_variables import drawn_image, drawn_variable

REFERENCE = Path(__file__).parents[2] / "reference"
LOGITS = load_file(REFERENCE / "tensorflow_deeplab.safetensors")
SHAPES = json.loads(gzip.decompress((REFERENCE / "tensorflow_deeplab_shapes.json.gz").read_bytes()))
SIZES = ((65, 81), (64, 72))


AT_STRIDE_8 = "_stride_8"


@pytest.mark.parametrize("name", [name for name in SHAPES if not name.endswith(AT_STRIDE_8)])
def test_logits_are_those_of_the_official_code(name):
    """In double precision to 1e-5, at an odd and an even size; at output stride 8, too, where that was stored."""
    variables = {
        theirs: Variable(tuple(shape), np.dtype("<f4"), partial(drawn_variable, theirs, shape))
        for theirs, shape in SHAPES[name].items()
    }
    kept, training = averaged(variables)
    shapes = {theirs: variable.shape for theirs, variable in kept.items()}
    assert segments(shapes)
    config = config_of(shapes, output_stride=None)
    state, beyond = state_of(kept, config, segments=True)
    assert not training
    assert not beyond
    # The official code takes any size as it is.
    model = build(replace(config, conventions=replace(config.conventions, fit="none"))).double().eval()
    model.load_state_dict(state)
    check_logits(model, name)
    if name + AT_STRIDE_8 in SHAPES:
        check_logits(model.replanned(output_stride=8), name + AT_STRIDE_8)


def check_logits(model, name):
    for height, width in SIZES:
        image = torch.from_numpy(drawn_image(height, width)).permute(0, 3, 1, 2).double()
        with torch.inference_mode():
            found = model(image).numpy()
        expected = LOGITS[f"{name}/{height}x{width}"]
        assert 0.2 < expected.std() < 2  # neither vanished nor so large that 1e-5 is beyond float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
