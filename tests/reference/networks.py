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


def hard_sigmoid(x: Array) -> Array:
    return np.clip(x + 3, 0, 6) / 6


def hard_swish(x: Array) -> Array:
    return x * hard_sigmoid(x)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


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

    def dense(self, name: str, x: Array) -> Array:
        """1x1 with a bias and nothing after it."""
        return convolve(x, self.state[f"{name}.weight"]) + self.state[f"{name}.bias"][:, None, None]

    def squeeze_excite(self, name: str, x: Array) -> Array:
        squeezed = relu(self.dense(f"{name}.squeeze", x.mean(axis=(2, 3), keepdims=True)))
        return x * hard_sigmoid(self.dense(f"{name}.excite", squeezed))

    def mobilenet_v3(
        self, x: Array, plan: Plan, *, middle: tuple[int, str] | None = None
    ) -> tuple[Array, Array, Array]:
        """(low: depthwise of layer 4 or 2, middle: of layer 7 or 4, or what it says, high); the first unit is layer 2.

        Small has eleven units, Large fifteen.
        """
        # Tables 1 and 2.
        small = len(plan) == 11
        first_hard, strided = (3, (0, 1, 3, 8)) if small else (6, (1, 3, 6, 12))
        x = self.layer("stem", x, activation=hard_swish, stride=2)
        maps = {}
        for number, (stride, rate) in enumerate(plan):
            name, activation = f"units.{number}", hard_swish if number >= first_hard else relu
            wide = x
            if f"{name}.expand.conv.weight" in self.state:
                wide = self.layer(f"{name}.expand", x, activation=activation)
            filtered = self.layer(
                f"{name}.depthwise", wide, activation=activation, stride=stride, rate=rate, depthwise=True
            )
            excites = number not in (1, 2) if small else number in (3, 4, 5, 10, 11, 12, 13, 14)
            gated = self.squeeze_excite(f"{name}.gate", filtered) if excites else filtered
            projected = self.layer(f"{name}.project", gated)
            x = x + projected if number not in strided and projected.shape[1] == x.shape[1] else projected
            maps[number + 2, "depthwise"], maps[number + 2, "output"] = filtered, x
        low = maps[2 if small else 4, "depthwise"]
        return low, maps[middle or (4 if small else 7, "depthwise")], self.layer("last", x, activation=hard_swish)

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
        # Table 2 of the MobileNetV2 paper: units per width.
        return self.inverted_residuals(x, plan, firsts=(0, 1, 3, 6, 10, 13, 16), skips=(2, 5))

    def efficientnet_lite0(self, x: Array, plan: Plan) -> tuple[Array, Array, Array]:
        """(low, middle: depthwise outputs of blocks_2 and blocks_4, high: output of blocks_15)."""
        # Table 1 of the EfficientNet paper: 1, 2, 2, 3, 3, 4 and 1 units.
        return self.inverted_residuals(x, plan, firsts=(0, 1, 3, 5, 8, 11, 15), skips=(2, 4))

    def inverted_residuals(
        self, x: Array, plan: Plan, *, firsts: tuple[int, ...], skips: tuple[int, int]
    ) -> tuple[Array, Array, Array]:
        """All but the first unit of each width have a shortcut."""
        x = self.layer("stem", x, activation=relu6, stride=2)
        inner = []
        for number, (stride, rate) in enumerate(plan):
            shortcut = number not in firsts
            x, filtered = self.inverted_residual(f"units.{number}", x, stride=stride, rate=rate, shortcut=shortcut)
            inner.append(filtered)
        return inner[skips[0]], inner[skips[1]], x

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

    def lraspp(self, x: Array, size: tuple[int, int], *, pooled: Array, hard: bool, align_corners: bool) -> Array:
        """Features times gates from the pooled map; upsampled to `size`."""
        gates = (hard_sigmoid if hard else sigmoid)(self.dense("gate", pooled))
        gates = bilinear(gates, x.shape[2:], align_corners=align_corners)
        return bilinear(self.layer("features", x, activation=relu) * gates, size, align_corners=align_corners)

    def decoder(self, low: Array, encoded: Array, *, separable: Sequence[bool], align_corners: bool) -> Array:
        low = self.layer("low_level", low, activation=relu)
        x = np.concatenate([bilinear(encoded, low.shape[2:], align_corners=align_corners), low], axis=1)
        for number, kind in enumerate(separable):
            x = self.layer_of_kind(f"refine.{number}", x, separable=kind)
        return x

    def first_map(self, x: Array, *, activation: Callable[[Array], Array]) -> Array:
        """What a backbone has before it strides to 4: the output of its stem, of Xception's second convolution."""
        if "conv1_1.conv.weight" in self.state:
            return self.layer("conv1_2", self.layer("conv1_1", x, activation=relu, stride=2), activation=relu)
        return self.stem(x) if activation is relu else self.layer("stem", x, activation=activation, stride=2)

    def fine_decoder(self, first: Array, decoded: Array, *, align_corners: bool) -> Array:
        """Both maps projected, joined with the first one last, and one separable convolution."""
        first = self.layer("first_level", first, activation=relu)
        reduced = self.layer("reduce", decoded, activation=relu)
        joined = [bilinear(reduced, first.shape[2:], align_corners=align_corners), first]
        return self.separable("refine", np.concatenate(joined, axis=1))
