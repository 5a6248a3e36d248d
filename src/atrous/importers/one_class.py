"""Networks of one class, whose logit is positive where it is: as two classes, they need no threshold anywhere."""

from dataclasses import replace

import torch

from atrous.importers.foreign_network import ForeignNetwork
from atrous.labels import LabelSpace

BACKGROUND, FOREGROUND = "background", "foreground"

CLASSIFIERS = ("classifier.", "coarse_classifier.", "middle_classifier.")
"""Beginnings of the names of tensors with a row for each class."""


def two_classes(network: ForeignNetwork) -> ForeignNetwork:
    """A network of one class as one of two: the logit of the background is 0.

    The larger logit is then the sign of the one, and softmax(0, z) = (1 - sigmoid(z), sigmoid(z)). Other networks are
    returned as they are.
    """
    if not network.segments or network.config.classes != 1:
        return network
    state = dict(network.state)
    for name, tensor in network.state.items():
        if name.startswith(CLASSIFIERS):
            state[name] = torch.cat([torch.zeros_like(tensor), tensor])
    names = () if network.labels is None else network.labels.names
    labels = LabelSpace(names if len(names) == 2 else (BACKGROUND, names[0] if names else FOREGROUND))
    note = f"one class: {labels.names[1]} where its logit is above 0, else {labels.names[0]}"
    config = replace(network.config, classes=2)
    return replace(network, config=config, state=state, labels=labels, notes=(*network.notes, note))
