"""The papers' networks over `operations`, from the names in a state dict and nothing else of the package."""

from collections.abc import Callable, Sequence

import numpy as np

from reference.operations import Array, bilinear, convolve, max_pool, normalize

State = dict[str, Array]
Plan = Sequence[tuple[int, int]]
"""(stride, rate) of each unit."""


def identity(x: Array) -> Array:
    return x


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def relu6(x: Array) -> Array:
    return np.clip(x, 0, 6)


class Reference:
    """Layers by their names in `state`; in training a norm takes the batch's statistics."""

    def __init__(
        self, state: State, *, epsilon: float = 1e-5, padding: str = "symmetric", training: bool = False
    ) -> None:
        self.state, self.epsilon, self.padding, self.training = state, epsilon, padding, training

    def norm(self, name: str, x: Array) -> Array:
        moments = {"mean": self.state[f"{name}.running_mean"], "variance": self.state[f"{name}.running_var"]}
        if self.training and x[:, 0].size > 1:
            moments = {"mean": x.mean(axis=(0, 2, 3)), "variance": x.var(axis=(0, 2, 3))}
        scale, shift = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return normalize(x, **moments, scale=scale, shift=shift, epsilon=self.epsilon)

    def layer(
        self,
        name: str,
        x: Array,
        *,
        activation: Callable[[Array], Array] = identity,
        stride: int = 1,
        rate: int = 1,
        depthwise: bool = False,
    ) -> Array:
        weight = self.state[f"{name}.conv.weight"]
        groups = x.shape[1] if depthwise else 1
        y = convolve(x, weight, stride=stride, rate=rate, groups=groups, padding=self.padding)
        return activation(self.norm(f"{name}.norm", y))

    def separable(self, name: str, x: Array, *, rate: int = 1) -> Array:
        x = self.layer(f"{name}.depthwise", x, activation=relu, rate=rate, depthwise=True)
        return self.layer(f"{name}.pointwise", x, activation=relu)

    def layer_of_kind(self, name: str, x: Array, *, separable: bool, rate: int = 1) -> Array:
        return self.separable(name, x, rate=rate) if separable else self.layer(name, x, activation=relu, rate=rate)

    def inverted_residual(self, name: str, x: Array, *, stride: int, rate: int, shortcut: bool) -> tuple[Array, Array]:
        """(the unit's output, its depthwise output)."""
        wide = x
        if f"{name}.expand.conv.weight" in self.state:
            wide = self.layer(f"{name}.expand", x, activation=relu6)
        filtered = self.layer(f"{name}.depthwise", wide, activation=relu6, stride=stride, rate=rate, depthwise=True)
        projected = self.layer(f"{name}.project", filtered)
        return (x + projected if shortcut else projected), filtered

    def bottleneck(self, name: str, x: Array, *, stride: int, rate: int) -> tuple[Array, Array]:
        """(the unit's output, what was added to the shortcut)."""
        residual = self.layer(f"{name}.reduce", x, activation=relu)
        residual = self.layer(f"{name}.atrous", residual, activation=relu, stride=stride, rate=rate)
        residual = self.layer(f"{name}.restore", residual)
        if f"{name}.shortcut.conv.weight" in self.state:
            shortcut = self.layer(f"{name}.shortcut", x, stride=stride)
        else:
            shortcut = x[:, :, ::stride, ::stride]
        return relu(residual + shortcut), residual

    def mobilenet_v2(self, x: Array, plan: Plan) -> tuple[Array, Array, Array]:
        """(low, middle: depthwise outputs of layer_4 and layer_7, high: output of layer_18)."""
        x = self.layer("stem", x, activation=relu6, stride=2)
        inner = []
        for number, (stride, rate) in enumerate(plan):
            # Table 2 of the MobileNetV2 paper: all but the first of each group of equal width have a shortcut.
            shortcut = number not in (0, 1, 3, 6, 10, 13, 16)
            x, filtered = self.inverted_residual(f"units.{number}", x, stride=stride, rate=rate, shortcut=shortcut)
            inner.append(filtered)
        return inner[2], inner[5], x

    def stem(self, x: Array) -> Array:
        """One 7x7 convolution, or the three 3x3 of the beta variant."""
        if "stem.conv.weight" in self.state:
            return self.layer("stem", x, activation=relu, stride=2)
        x = self.layer("stem.conv1_1", x, activation=relu, stride=2)
        return self.layer("stem.conv1_3", self.layer("stem.conv1_2", x, activation=relu), activation=relu)

    def resnet(self, x: Array, plan: Plan, *, pool_padding: str) -> tuple[Array, Array, Array]:
        """(low, middle: block1/unit_2 and block2/unit_3 before the shortcut is added, high: the last block)."""
        x = max_pool(self.stem(x), padding=pool_padding)
        inner = []
        for number, (stride, rate) in enumerate(plan):
            x, residual = self.bottleneck(f"units.{number}", x, stride=stride, rate=rate)
            inner.append(residual)
        return inner[1], inner[3 + 2], x

    def xception_unit(self, name: str, x: Array, *, stride: int, rate: int) -> tuple[Array, Array]:
        """(the unit's output, its second separable convolution's)."""
        y = x
        for number in (1, 2, 3):
            tapped, striding = y, stride if number == 3 else 1
            y = self.layer(f"{name}.separable{number}.depthwise", relu(y), stride=striding, rate=rate, depthwise=True)
            y = self.layer(f"{name}.separable{number}.pointwise", y)
        projected = f"{name}.shortcut.conv.weight" in self.state
        return y + (self.layer(f"{name}.shortcut", x, stride=stride) if projected else x), tapped

    def xception(self, x: Array, plan: Plan, *, taps: tuple[int, int]) -> tuple[Array, Array, Array]:
        """(low, middle: second separable convolutions of the units that stride to 8 and to 16, high: exit flow)."""
        x = self.layer("conv1_2", self.layer("conv1_1", x, activation=relu, stride=2), activation=relu)
        inner = []
        for number, (stride, rate) in enumerate(plan[:-1]):
            x, tapped = self.xception_unit(f"units.{number}", x, stride=stride, rate=rate)
            inner.append(tapped)
        for number in (1, 2, 3):
            x = self.separable(f"last.separable{number}", x, rate=plan[-1][1])
        return inner[taps[0]], inner[taps[1]], x

    def image_pooling(self, name: str, x: Array) -> Array:
        pooled = self.layer(f"{name}.project", x.mean(axis=(2, 3), keepdims=True), activation=relu)
        return bilinear(pooled, x.shape[2:], align_corners=True)

    def aspp(self, x: Array, *, rates: Sequence[int], separable: bool, image_pooling: bool) -> Array:
        views = [self.image_pooling("branches.image_pooling", x)] if image_pooling else []
        views.append(self.layer("branches.aspp0", x, activation=relu))
        views += [
            self.layer_of_kind(f"branches.aspp{number}", x, separable=separable, rate=rate)
            for number, rate in enumerate(rates, start=1)
        ]
        return self.layer("projection.0", np.concatenate(views, axis=1), activation=relu)

    def decoder(self, low: Array, encoded: Array, *, separable: Sequence[bool], align_corners: bool) -> Array:
        low = self.layer("low_level", low, activation=relu)
        x = np.concatenate([bilinear(encoded, low.shape[2:], align_corners=align_corners), low], axis=1)
        for number, kind in enumerate(separable):
            x = self.layer_of_kind(f"refine.{number}", x, separable=kind)
        return x
