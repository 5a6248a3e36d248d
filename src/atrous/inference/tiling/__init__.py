"""Label maps of images that are too large to be predicted whole.

The network runs on one *tile*, a rectangle of the image, at a time. Near the border of its input a network sees padding
instead of the image, so neighbouring tiles *overlap*, and the logits near a tile's border are not used.

There are two coordinate systems: *pixels* of the image, in which tiles lie, and *positions* of a feature map, of which
the coarse logits are the last; position p is at pixel p * stride of the map. Both count from the top left of the image.

* `tiles.py` divides an axis into tiles.
* `blend_weights.py` gives every tile a *blend weight* at each position of the image's coarse logits. The weights of all
  tiles add up to 1 at every position (a partition of unity). With an overlap of at least the receptive field and means
  over the whole image, tiles agree, and one tile simply follows the other. Otherwise the weights cross-fade linearly.
* `tile_model.py` runs the network on a tile as part of its image. Layers that take a mean over the whole image
  (image pooling in ASPP, the gates of Lite R-ASPP, squeeze-and-excite) are given the mean of the whole image, which
  takes a pass over all tiles for each of these layers.
* `regions.py` visits the tiles from left to right and from top to bottom, adds their weighted coarse logits, and yields
  each *region* of the image as soon as its coarse logits are *final*, that is, when no later tile has a weight there.
  Logits that still lack a later tile are *pending*.

Blending happens on coarse logits. Each region is then upsampled as a part of the whole image, so no full-size logits
are built, and memory grows with neither the height of the image nor its number of tiles.
"""
