"""A small compiled package with its proof; run as a program, it is compiled, opened and compared with NumPy."""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from atrous.export.torch_file import save_package
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.open_engine import open_engine
from atrous.inference.engines.proof_record import file_hashes, proof_path
from atrous.labels import LabelSpace
from atrous.plain import to_plain


class BrightestChannel(nn.Module):
    """Labels `[b, h, w]` of images `[b, h, w, 3]`: the channel of the largest value."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compute labels."""
        return image.argmax(dim=3).to(torch.uint8)


def brightest_channel() -> ExportedProgram:
    """Record the network for images of any batch, height and width."""
    sizes = dict.fromkeys((0, 1, 2), Dim.DYNAMIC)
    images = torch.zeros(2, 9, 13, 3, dtype=torch.uint8)
    return torch.export.export(BrightestChannel(), (images,), dynamic_shapes=(sizes,))


def write_package_proof(path: Path) -> None:
    """Write a proof that names the file at `path`."""
    description = ExportDescription(
        LabelSpace(("red", "green", "blue")), "labels", "nhwc", "float32", in_channels=3, output_stride=16
    )
    proof = {"files": file_hashes(path), "passed": True, "equal_share": 1.0, "model": to_plain(description)}
    proof_path(path).write_text(json.dumps(proof))


def main(path: Path) -> None:
    """Compile the network, open the package, and compare its labels with NumPy's on images of two sizes."""
    logging.basicConfig(format="%(message)s")
    save_package(brightest_channel(), path)
    write_package_proof(path)
    engine = open_engine(path)
    print(*engine.description.labels.names)
    generator = np.random.default_rng(0)
    for shape in ((1, 5, 7, 3), (3, 32, 2, 3)):
        pixels = generator.integers(0, 256, shape, dtype=np.uint8)
        np.testing.assert_array_equal(engine(pixels), pixels.argmax(axis=3))
        print(*shape)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
