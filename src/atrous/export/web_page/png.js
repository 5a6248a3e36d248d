// Label maps as PNG files: class ids as indices, with the colours of the classes as palette.

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function chunk(name, content) {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(name), 4);
  bytes.set(content, 8);
  let sum = 0xffffffff;
  for (const byte of bytes.subarray(4, -4)) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  view.setUint32(content.length + 8, ~sum >>> 0);
  return bytes;
}

// A Blob of an indexed PNG; `palette` holds [red, green, blue] of every class.
export async function encodePng({ data, width, height }, palette) {
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  header.set([8, 3], 8); // bits per index, colour type: palette
  const rows = new Uint8Array(height * (width + 1)); // each row begins with its filter: none
  for (let row = 0; row < height; row++) {
    rows.set(data.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
  }
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const signature = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
  const parts = [chunk("IHDR", header), chunk("PLTE", Uint8Array.from(palette.flat())), chunk("IDAT", packed)];
  return new Blob([signature, ...parts, chunk("IEND", new Uint8Array())], { type: "image/png" });
}
