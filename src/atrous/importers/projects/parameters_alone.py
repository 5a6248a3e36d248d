"""Averages of parameters alone: a network whose statistics of batch norms stayed in the dict beside it."""

from collections.abc import Sequence

from atrous.importers.pytorch.groups import Group

_STATISTICS = (".running_mean", ".running_var")
_BUFFERS = (*_STATISTICS, ".num_batches_tracked")


def with_statistics(group: Group, others: Sequence[Group]) -> tuple[Group, tuple[str, ...]]:
    """A network with the statistics of batch norms, and a sentence about it where another dict gave them.

    Many training loops average `model.named_parameters()`. To evaluate, they put the averages into the model, whose
    buffers stay as they are: those of the plain weights, which a checkpoint holds beside the averages.

    Args:
        group: The tensors of the network.
        others: Those of other networks in the checkpoint.
    """
    if any(name.endswith(_STATISTICS) for name in group.tensors):
        return group, ()
    for other in others:
        buffers = {name: value for name, value in other.tensors.items() if name.endswith(_BUFFERS)}
        if buffers and other.tensors.keys() - buffers.keys() == group.tensors.keys():
            note = f"the statistics of batch norms, which {group.key or 'the outer ones'} lacks, are those of "
            return Group(group.key, {**group.tensors, **buffers}), (note + (other.key or "the outer ones"),)
    return group, ()
