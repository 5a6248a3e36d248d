"""Weights, device and inference strategy: the options that `predict` and `evaluate` share."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from atrous.cli.console import progress_callback
from atrous.cli.weight_settings import WeightSettings, tell_choices
from atrous.errors import InputError
from atrous.inference.device import choose_device
from atrous.inference.engines.engine_times import EngineChoice, quickest_engine
from atrous.inference.engines.open_engine import is_exported
from atrous.inference.engines.proof_record import proof_path
from atrous.inference.precision import Precision
from atrous.inference.predictor import Predictor
from atrous.sizes import parse_size
from atrous.weights.archive import Archive
from atrous.weights.load import load

EngineName = Literal["torch", "auto", "onnxruntime", "openvino"]
"""Engine that computes weights: torch, the quickest, or one by name."""


@dataclass(frozen=True)
class Inference:
    """Output stride, scales and flip of the papers' inference strategies, and the device."""

    output_stride: Annotated[int | None, tyro.conf.arg(metavar="STRIDE")] = None
    """4, 8, 16 or 32; smaller is finer and slower, None is the weights' own."""
    scales: tuple[float, ...] = (1.0,)
    """Image sizes to average over; the papers: 0.5 0.75 1 1.25 1.5 1.75."""
    flip: bool = False
    """Average with the prediction of the mirrored picture."""
    pad: Annotated[str | None, tyro.conf.arg(metavar="SIZE")] = None
    """Pad every picture with the mean pixel to this size, as the papers do: 513, 1025x2049 (height x width)."""
    device: str = "auto"
    """Device to compute on: auto, cpu, cuda, cuda:1, mps; auto takes CUDA, else Apple's MPS, else the CPU."""
    weight_settings: WeightSettings = field(default_factory=WeightSettings)
    precision: Precision = "float32"
    """Number type of the computation; auto compares half precision with float32 on generated images, once."""
    engine: EngineName = "torch"
    """Engine on the CPU: auto takes the quickest that `atrous bench WEIGHTS --engines` has measured and compared with
    torch, and torch where that has not run."""

    def predictor(self, weights: str, *, beyond_labels: str = "") -> Predictor:
        """Load weights by file or name into a predictor.

        Args:
            weights: File or name.
            beyond_labels: Plural noun of what is needed and exported files do not give, such as `probabilities`.

        Raises:
            InputError: If the weights or the options are unusable.
        """
        if not is_exported(weights):
            return self.predictor_of(load_weights(weights, self.weight_settings), beyond_labels=beyond_labels)
        if self.weight_settings != WeightSettings():
            raise InputError(f"{weights} is an exported file, whose settings are built in; state none for it")
        if self.engine != "torch":
            raise InputError(f"{weights} is an exported file, which has an engine of its own; leave out --engine")
        return self.predictor_of(Path(weights))

    def predictor_of(self, weights: Path | Archive, *, beyond_labels: str = "") -> Predictor:
        """Return a predictor of loaded weights, or of an exported file; raises InputError for unusable options."""
        if isinstance(weights, Archive) and self.engine != "torch":
            weights = self._exported(weights, beyond_labels=beyond_labels) or weights
        device = self.device if isinstance(weights, Path) else choose_device(self.device)
        pad = None if self.pad is None else parse_size(self.pad)
        return Predictor(
            weights,
            output_stride=self.output_stride,
            scales=self.scales,
            flip=self.flip,
            pad=pad,
            device=device,
            precision=self.precision,
        )

    def _exported(self, weights: Archive, *, beyond_labels: str) -> Path | None:
        """Choose the file of an engine, and say on the error stream which and why; None for torch.

        Raises:
            InputError: If an engine is named that cannot be used.
        """
        stride = self.output_stride or weights.model.output_stride
        needed = self._needs_torch() or beyond_labels
        if needed:
            choice = EngineChoice(None, f"{needed} are not for exported files")
        else:
            name = "" if self.engine == "auto" else self.engine
            choice = quickest_engine(weights.sha256, output_stride=stride, name=name)
        if choice.file is None and self.engine != "auto":
            raise InputError(
                f"--engine {self.engine}: {choice.reason}; leave it out, or run atrous bench WEIGHTS --engines"
            )
        print(f"engine   {choice.engine}: {choice.reason}", file=sys.stderr)
        return choice.file

    def _needs_torch(self) -> str:
        """Return the plural noun of options that torch alone can follow; empty if there are none."""
        needs = {
            "scales": self.scales != (1.0,),
            "mirrored pictures": self.flip,
            "padded pictures": self.pad is not None,
            f"computations on {self.device}": choose_device(self.device).type != "cpu",
            "other number types": self.precision != "float32",
            "other settings of the weights": self.weight_settings != WeightSettings(),
        }
        return " and ".join(name for name, needed in needs.items() if needed)


def load_weights(source: str, settings: WeightSettings | None = None) -> Archive:
    """Load weights as `atrous.load` does, with a progress bar while they are downloaded; tell what was assumed.

    Raises:
        InputError: If the weights cannot be loaded.
    """
    path = Path(source)
    if not is_exported(path) and path.is_file() and proof_path(path).is_file():
        raise InputError(f"{path} was written by atrous export for phones; give the weights that it was made of")
    with progress_callback("downloading weights") as on_progress:
        archive = load(source, **({} if settings is None else vars(settings)), on_progress=on_progress)
    tell_choices(archive)
    return archive
