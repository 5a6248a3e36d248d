"""Which row of a foreign network is which of the classes that a user names."""

from dataclasses import dataclass

from atrous.errors import InputError
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
    sigmoid's foreground. Such names yield to as many others, which count in the order of the rows, unless at least half
    of these, the background apart, are among them: those are a choice or another order of the suggested classes.

    Args:
        network: The foreign network.
        classes: The classes that the user names; None keeps the network's.

    Raises:
        InputError: If two classes for a sigmoid are its foreground and one that is not its background.
    """
    present = network.labels or LabelSpace.unnamed(network.config.classes)
    if classes is None:
        return Rows(present, present)
    if network.labels_stated:
        return Rows(present, classes)
    if present.names == (BACKGROUND, FOREGROUND):
        return _of_sigmoid(present, classes)
    own = {*classes.names} - {BACKGROUND}
    if len(classes) != len(present) or 2 * len(own & {*present.names}) >= len(own):
        return Rows(present, classes)
    return _told(classes, classes) if network.labels is not None else Rows(classes, classes)


def _of_sigmoid(present: LabelSpace, classes: LabelSpace) -> Rows:
    """Rows of a sigmoid, whose background comes first and whose class is the only other one."""
    if len(classes) == 1 and classes.names[0] != BACKGROUND:
        classes = LabelSpace((BACKGROUND, *classes.names))
    others = [name for name in classes.names if name not in present.names]
    if len(classes) != len(present) or not others:
        return Rows(present, classes)
    if len(others) == len(classes):
        return _told(classes, classes)
    if BACKGROUND not in classes.names:
        raise InputError(
            f"a network of one class (a sigmoid) has {BACKGROUND} and that class, not {' and '.join(classes.names)}; "
            f"give the name of the class alone, such as --classes {others[0]}"
        )
    return _told(LabelSpace((BACKGROUND, *others)), classes)


def _told(present: LabelSpace, wanted: LabelSpace) -> Rows:
    shown = ", ".join(present.names[:3]) + (" ..." if len(present) > 3 else "")
    return Rows(present, wanted, (f"nothing in the file names its rows; by the given classes they are {shown}",))
