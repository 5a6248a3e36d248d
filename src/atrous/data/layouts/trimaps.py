"""Trimaps: foreground, background, and a border whose pixels nobody could tell, which are ignored.

annotations/trimaps/*.png    Oxford-IIIT Pet: 1 pet, 2 background, 3 border
trimap/*.png                 matting: 0 background, 128 border, 255 foreground
"""

from dataclasses import replace

from atrous.data.layouts.contents import Contents
from atrous.data.layouts.looks import value_set
from atrous.data.layouts.words import tokens
from atrous.data.schema import Schema
from atrous.labels import LabelSpace

_PET = Schema(LabelSpace(("background", "pet")), remap={1: 1, 2: 0, 3: 255})
_MATTE = Schema(LabelSpace(("background", "foreground"), ignore=128), remap={0: 0, 128: 128, 255: 1})


def with_trimaps(contents: Contents) -> Contents:
    """The contents, with the classes of trimaps where the folder of the masks is called so and their values fit."""
    masks = [pair.mask for pair in contents.pairs]
    named = all({"trimap", "trimaps"} & {word for part in path.parent.parts for word in tokens(part)} for path in masks)
    if contents.schema is not None or not masks or not named or any(path.is_dir() for path in masks):
        return contents
    values = value_set(masks)
    if 3 in values and values <= {1, 2, 3}:
        schema, line = _PET, "trimaps: 1 is pet, 2 background, and 3, the border, is ignored"
    elif 128 in values and values <= {0, 128, 255}:
        schema, line = _MATTE, "trimaps: 0 is background, 255 foreground, and 128, the border, is ignored"
    else:
        return contents
    return replace(contents, schema=schema, notes=(*contents.notes, line))
