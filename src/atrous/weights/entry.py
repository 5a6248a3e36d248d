"""One file of weights on the net: addresses, digest, licence, classes, published numbers."""

import re
from dataclasses import dataclass

from atrous.labels import LabelSpace

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Published:
    """A number that the publisher measured; nobody has repeated it here.

    Attributes:
        metric: `mIoU`, `pixel accuracy` or `top-1`.
        value: In percent.
        on: Data and split.
        protocol: Size, scales and flips of the images.
    """

    metric: str
    value: float
    on: str
    protocol: str


@dataclass(frozen=True)
class Entry:
    """One file on the net.

    Attributes:
        name: Name that the user types.
        file: Its name in the cache.
        urls: Public addresses of the same bytes, tried in order.
        digest: As in `Remote`: whole, or as much of it as its publisher states. None: whatever comes first is trusted,
            its sha256 recorded, and nothing else taken from then on.
        size: In bytes, or None where only a rounded one was published.
        mebibytes: The rounded one.
        licence: SPDX name of the publication, and the terms of the data where they bind more.
        source: Who published it and what it is.
        data: Training data, in their order.
        rows: Classes of the rows of its logits; None is a classifier, good for a backbone only.
        labels: Its classes, where some of its rows are left out; otherwise the rows.
        published: Measured by the publisher.
        package: Installable package that holds the file, in its folder `models`; then there are no addresses.
        refused: Why it cannot be read, where it cannot.
    """

    name: str
    file: str
    urls: tuple[str, ...]
    digest: str | None
    size: int | None
    licence: str
    source: str
    data: str
    mebibytes: float | None = None
    rows: LabelSpace | None = None
    labels: LabelSpace | None = None
    published: tuple[Published, ...] = ()
    refused: str = ""
    package: str = ""

    @property
    def sha256(self) -> str | None:
        """The whole sha256, where it is known."""
        whole = re.fullmatch(r"sha256:([0-9a-f]{64})", self.digest or "")
        return whole[1] if whole else None

    @property
    def about(self) -> int | None:
        """Bytes, rounded, where the size is known at all."""
        return self.size or (None if self.mebibytes is None else round(self.mebibytes * MEBIBYTE))
