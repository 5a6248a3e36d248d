"""The layout of PASCAL VOC: `JPEGImages/`, `SegmentationClass/`, `ImageSets/Segmentation/` and `labelmap.txt`."""

from atrous.data.writers.labelled_image import write_text
from atrous.data.writers.plain_masks import MaskWriter


class VocWriter(MaskWriter):
    """Writes masks as palette PNG, with names and colours in `labelmap.txt` as CVAT has it."""

    images, masks, lists = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"

    def write_classes(self) -> None:
        """Write names and colours of the classes; raises InputError if it cannot."""
        colors = zip(self.space.names, self.space.palette, strict=True)
        lines = [f"{name}:{','.join(map(str, color))}::" for name, color in colors]
        write_text(self.folder / "labelmap.txt", "\n".join(["# label:color_rgb:parts:actions", *lines, ""]))
