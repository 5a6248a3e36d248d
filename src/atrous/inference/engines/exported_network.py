"""An exported file as the network of a predictor."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32, Integer, UInt8

from atrous.errors import InputError
from atrous.inference.engines.engine import Engine, Outputs
from atrous.inference.result import map_dtype
from atrous.sizes import Size


class ExportedNetwork:
    """Labels and probabilities from an exported file, whatever its output.

    Args:
        engine: The opened file.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.description = engine.description

    @property
    def precision(self) -> str:
        """Number type and engine, as a result states them."""
        return f"{self.description.precision} in {self.engine.name}"

    def check_settings(
        self,
        *,
        output_stride: int | None,
        scales: Sequence[float],
        flip: bool,
        pad: int | Size | None,
        device: str | int | torch.device | None,
        precision: str | None,
    ) -> None:
        """Raise InputError for settings of a predictor that an exported file cannot follow."""
        refused = {
            "output stride": output_stride not in (None, self.description.output_stride),
            "scales": tuple(scales) != (1.0,),
            "flip": flip,
            "pad": pad is not None,
            "device": str("cpu" if device is None else device) not in ("auto", "cpu"),
            "precision": precision not in (None, "float32"),
        }
        named = [name for name, stated in refused.items() if stated]
        if named:
            raise InputError(
                f"an exported file has its {' and '.join(named)} built in (output stride "
                f"{self.description.output_stride}, {self.description.precision}, scale 1, CPU); leave these settings "
                "out, or give the weights"
            )

    def labels(self, images: Sequence[UInt8[np.ndarray, "h w c"]]) -> Integer[np.ndarray, "b h w"]:
        """Compute the class of every pixel of images of one size."""
        output = self._output(images)
        if output.ndim == 3:
            return output
        return output.argmax(axis=1).astype(map_dtype(output.shape[1]))

    def probabilities(self, images: Sequence[UInt8[np.ndarray, "h w c"]]) -> Float32[np.ndarray, "b k h w"]:
        """Compute the probability of every class at every pixel of images of one size.

        Raises:
            InputError: If the file gives labels alone.
        """
        kind = self.description.output
        if kind == "labels":
            raise InputError(
                "the exported file gives labels alone; export the weights again with --output probabilities"
            )
        output = torch.from_numpy(self._output(images))
        return (output if kind == "probabilities" else output.softmax(dim=1)).numpy()

    def _output(self, images: Sequence[UInt8[np.ndarray, "h w c"]]) -> Outputs:
        return self.engine(np.stack(images))
