"""The models that are served, each with a predictor per output stride."""

import copy
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from atrous.errors import InputError
from atrous.inference.precision import Precision
from atrous.inference.predictor import Predictor
from atrous.report.overlay_colors import background_class, bright_space
from atrous.serving.request_error import RequestError
from atrous.weights.archive import Archive

OUTPUT_STRIDES = (4, 8, 16, 32)


@dataclass(frozen=True)
class Strategy:
    """Settings of a prediction that a request may choose; None leaves them to the server's start.

    Attributes:
        output_stride: 4, 8, 16 or 32.
        scales: Image sizes whose probabilities are averaged.
        flip: If true, the mirrored image is averaged, too.
    """

    output_stride: int | None = None
    scales: tuple[float, ...] | None = None
    flip: bool | None = None


class ServedModel:
    """Weights under a name.

    Args:
        name: Name of the model in requests.
        weights: The weights; None for an exported file, whose settings are built in.
        default: Predictor with the settings that hold where a request says nothing.
    """

    def __init__(self, name: str, weights: Archive | None, default: Predictor) -> None:
        self.name, self._weights, self.default = name, weights, default
        self._by_stride = {default.output_stride: default}
        self._variants: dict[tuple[int, tuple[float, ...], bool], Predictor] = {}
        self._lock = threading.Lock()

    def predictor(self, strategy: Strategy) -> Predictor:
        """Return the predictor of a strategy; may copy weights for an output stride that is asked for first.

        Raises:
            RequestError: 422 if the network cannot run at the output stride.
        """
        stride = strategy.output_stride or self.default.output_stride
        scales = self.default.scales if strategy.scales is None else strategy.scales
        flip = self.default.flip if strategy.flip is None else strategy.flip
        default = self.default
        if (stride, scales, flip) == (default.output_stride, default.scales, default.flip):
            return default
        if self._weights is None:
            line = f"{self.name} is an exported file, which has output stride, scales and flip built in; leave them out"
            raise RequestError(422, "invalid_parameter", line)
        with self._lock:
            if stride not in self._by_stride:
                self._by_stride[stride] = self._at_stride(self._weights, stride)
            base = self._by_stride[stride]
            if (scales, flip) == (base.scales, base.flip):
                return base
            key = stride, scales, flip
            if key not in self._variants:
                if len(self._variants) >= _MOST_VARIANTS:
                    self._variants.clear()
                variant = copy.copy(base)  # shares the weights
                variant.scales, variant.flip = scales, flip
                self._variants[key] = variant
            return self._variants[key]

    def _at_stride(self, weights: Archive, stride: int) -> Predictor:
        default = self.default
        try:
            return Predictor(
                weights,
                output_stride=stride,
                scales=default.scales,
                flip=default.flip,
                pad=default.pad,
                device=default.device,
                precision=cast(Precision, default.precision),
            )
        except InputError as error:
            raise RequestError(422, "invalid_parameter", f"output_stride {stride}: {error}") from error

    def variant(self) -> Predictor | None:
        """Return the default predictor at two scales, which other functions compute than at one; None if exported."""
        return None if self._weights is None else self.predictor(Strategy(scales=(0.5, 1.0)))

    def description(self) -> dict[str, Any]:
        """The model as `GET /v1/model` describes it."""
        labels, default = self.default.labels, self.default
        bright = bright_space(labels)
        return {
            "name": self.name,
            "sha256": default.sha256,
            "classes": [
                {"id": label, "name": name, "color": list(color), "overlay_color": list(overlay_color)}
                for label, (name, color, overlay_color) in enumerate(
                    zip(labels.names, labels.palette, bright.palette, strict=True)
                )
            ],
            "background": background_class(labels),
            "ignore": labels.ignore,
            "output_stride": default.output_stride,
            "scales": list(default.scales),
            "flip": default.flip,
            "device": str(default.device),
            "precision": default.precision,
            "licence": self._licence(),
        }

    def _licence(self) -> str | None:
        provenance = {} if self._weights is None else self._weights.provenance
        data = provenance.get("data")
        stated = provenance.get("licence") or (data.get("licence") if isinstance(data, Mapping) else None)
        return str(stated) if stated else None


class Models:
    """All models of a server.

    Args:
        models: At least one; the first is the one that requests without a name mean.
    """

    def __init__(self, models: Sequence[ServedModel]) -> None:
        names = [model.name for model in models]
        if not models:
            raise InputError("no weights given; name a file, a run folder or a name that `atrous weights` lists")
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"two models are called {repeated[0]!r}; name them: NAME=WEIGHTS")
        self._by_name = {model.name: model for model in models}
        self.default = models[0]

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._by_name.values())

    def find(self, name: str | None) -> ServedModel:
        """Return a model by name; raises RequestError 404 for others."""
        if name is None:
            return self.default
        if name not in self._by_name:
            known = ", ".join(self._by_name)
            raise RequestError(404, "unknown_model", f"no model is called {name!r:.80}; known: {known}")
        return self._by_name[name]


_MOST_VARIANTS = 64
"""Combinations of scales and flip that are kept, so that requests with equal ones are computed together."""
