// Layers of coloured pixels over a picture: painted in tiles, those that are seen, so that large pictures stay quick.

const SIDE = 1024;
const MOST_TILES = 48;

// `paint(pixels, left, top, columns, rows, step)` fills a Uint32Array with every step-th pixel of a part of the layer.
export class Layer {
  constructor(width, height, paint) {
    Object.assign(this, { width, height, paint, tiles: new Map() });
  }

  repaint() {
    this.tiles.clear();
  }

  // Draws what is seen: the layer's pixel p lies at scale * p + (x, y) of the canvas.
  draw(context, { scale, x, y }) {
    const step = 2 ** Math.max(0, Math.floor(Math.log2(1 / scale)));
    const side = SIDE * step;
    const { width, height } = context.canvas;
    const first = (place) => Math.max(0, Math.floor(-place / scale / side));
    const last = (place, shown, whole) => Math.min(Math.ceil(whole / side), Math.ceil((shown - place) / scale / side));
    for (let row = first(y); row < last(y, height, this.height); row++) {
      for (let column = first(x); column < last(x, width, this.width); column++) {
        const tile = this.tile(step, column, row);
        const [left, top] = [x + scale * column * side, y + scale * row * side];
        context.drawImage(tile, left, top, tile.width * step * scale, tile.height * step * scale);
      }
    }
  }

  tile(step, column, row) {
    const key = `${step} ${column} ${row}`;
    let tile = this.tiles.get(key);
    if (tile === undefined) {
      const [left, top] = [column * SIDE * step, row * SIDE * step];
      const columns = Math.ceil(Math.min(SIDE * step, this.width - left) / step);
      const rows = Math.ceil(Math.min(SIDE * step, this.height - top) / step);
      tile = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
      const image = new ImageData(columns, rows);
      this.paint(new Uint32Array(image.data.buffer), left, top, columns, rows, step);
      tile.getContext("2d").putImageData(image, 0, 0);
      if (this.tiles.size >= MOST_TILES) this.tiles.delete(this.tiles.keys().next().value);
      this.tiles.set(key, tile);
    }
    return tile;
  }
}

const packed = (red, green, blue, alpha) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;

// Labels in colours, their borders opaque; `style()` gives {colors, bare, only, opacity} at the time of painting.
export function labelPainter({ data, width, height }, style) {
  return (pixels, left, top, columns, rows, step) => {
    const { colors, bare, only, opacity } = style();
    const alpha = Math.round(255 * opacity);
    const inner = new Uint32Array(65536);
    const border = new Uint32Array(65536);
    colors.forEach((color, label) => {
      if (label === bare || (only !== null && label !== only)) return;
      inner[label] = packed(...color, alpha);
      border[label] = packed(...color, opacity === 0 ? 0 : 255);
    });
    let place = 0;
    for (let row = 0; row < rows; row++) {
      const y = top + row * step;
      for (let column = 0; column < columns; column++, place++) {
        const x = left + column * step;
        const here = y * width + x;
        const label = data[here];
        const right = x + step < width ? data[here + step] : label;
        const below = y + step < height ? data[here + step * width] : label;
        const edge = right !== label || below !== label;
        pixels[place] = edge ? border[label] || border[right] || border[below] : inner[label];
      }
    }
  };
}

// Entropy from dark blue (certain) through red to yellow (undecided).
export function entropyPainter({ data, width }) {
  const stops = [[13, 8, 60], [86, 20, 120], [185, 50, 105], [245, 125, 50], [252, 240, 140]];
  const ramp = Uint32Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * (stops.length - 1);
    const [low, high] = [stops[Math.floor(place)], stops[Math.ceil(place)]];
    return packed(...low.map((value, i) => Math.round(value + (high[i] - value) * (place % 1))), 255);
  });
  return (pixels, left, top, columns, rows, step) => {
    let place = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, place++) {
        pixels[place] = ramp[data[(top + row * step) * width + left + column * step]];
      }
    }
  };
}

// Pixels of two maps that differ, in one colour.
export function differencePainter(one, other) {
  const [differs, equal] = [packed(255, 40, 110, 255), packed(0, 0, 0, 110)];
  return (pixels, left, top, columns, rows, step) => {
    let place = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, place++) {
        const here = (top + row * step) * one.width + left + column * step;
        pixels[place] = one.data[here] === other.data[here] ? equal : differs;
      }
    }
  };
}

export function differingShare(one, other) {
  let count = 0;
  for (let i = 0; i < one.data.length; i++) count += one.data[i] !== other.data[i];
  return count / one.data.length;
}
