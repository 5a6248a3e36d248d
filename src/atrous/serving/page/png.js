// Label maps of PNG files, number by number: a canvas would give colours, of which two classes may share one.

// {width, height, data} of an indexed or grey PNG of 8 or 16 bits that is not interlaced, as the server writes them.
export async function decodePng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let place = 8;
  let header = null;
  const packed = [];
  while (place < bytes.length) {
    const length = view.getUint32(place);
    const name = String.fromCharCode(...bytes.subarray(place + 4, place + 8));
    const content = bytes.subarray(place + 8, place + 8 + length);
    if (name === "IHDR") header = { width: view.getUint32(place + 8), height: view.getUint32(place + 12), depth: content[8] };
    if (name === "IDAT") packed.push(content);
    place += length + 12;
  }
  const stream = new Blob(packed).stream().pipeThrough(new DecompressionStream("deflate"));
  const rows = new Uint8Array(await new Response(stream).arrayBuffer());
  return { width: header.width, height: header.height, data: unfiltered(rows, header) };
}

function unfiltered(rows, { width, height, depth }) {
  const step = depth / 8;
  const length = width * step;
  const values = new Uint8Array(length * height);
  for (let row = 0; row < height; row++) {
    const filter = rows[row * (length + 1)];
    const from = row * (length + 1) + 1;
    const to = row * length;
    for (let i = 0; i < length; i++) {
      const left = i >= step ? values[to + i - step] : 0;
      const above = row ? values[to + i - length] : 0;
      const corner = row && i >= step ? values[to + i - length - step] : 0;
      const guess = [0, left, above, (left + above) >> 1, 0][filter];
      values[to + i] = rows[from + i] + (filter === 4 ? paeth(left, above, corner) : guess);
    }
  }
  if (depth === 8) return values;
  return Uint16Array.from({ length: width * height }, (_, i) => values[2 * i] * 256 + values[2 * i + 1]);
}

function paeth(left, above, corner) {
  const guess = left + above - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - above), Math.abs(guess - corner)];
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
