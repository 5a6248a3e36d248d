"""Which row of a foreign network is which of the classes that a user names."""

from dataclasses import dataclass

from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.one_class import BACKGROUND, FOREGROUND
from atrous.labels import LabelSpace


@dataclass(frozen=True)
class Rows:
    """Names of the rows of a network, and of the classes of the model that is made of it.

    Attributes:
        present: Names of the rows that the network has.
        wanted: Names of the classes that the model gets; rows of equal names are copied.
        notes: Sentences about names that were given to rows.
    """

    present: LabelSpace
    wanted: LabelSpace
    notes: tuple[str, ...] = ()


def named_rows(network: ForeignNetwork, classes: LabelSpace | None) -> Rows:
    """Name the rows of a network.

    Names that the file states hold. Where it states none, rows are called after data with as many classes, or after a
    sigmoid's foreground: such names yield to as many others that have none of them in common but the background.

    Args:
        network: The foreign network.
        classes: The classes that the user names; None keeps the network's.
    """
    present = network.labels or LabelSpace.unnamed(network.config.classes)
    if classes is None:
        return Rows(present, present)
    if network.labels_stated:
        return Rows(present, classes)
    if present.names == (BACKGROUND, FOREGROUND):
        if len(classes) == 1 and classes.names[0] not in present.names:
            classes = LabelSpace((BACKGROUND, *classes.names))
        others = [name for name in classes.names if name not in present.names]
        if len(classes) == len(present) and len(others) == 1:  # a sigmoid's background comes first
            return _told(LabelSpace((BACKGROUND, *others)), classes)
    if len(classes) != len(present) or set(classes.names) & set(present.names) - {BACKGROUND}:
        return Rows(present, classes)
    return _told(classes, classes) if network.labels is not None else Rows(classes, classes)


def _told(present: LabelSpace, wanted: LabelSpace) -> Rows:
    shown = ", ".join(present.names[:3]) + (" ..." if len(present) > 3 else "")
    return Rows(present, wanted, (f"nothing in the file names its rows; by the given classes they are {shown}",))
