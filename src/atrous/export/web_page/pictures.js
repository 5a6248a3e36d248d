// Pictures that the browser can decode, as images of unsigned bytes for the network.

export class Unreadable extends Error {}

// {name, source, width, height}; throws Unreadable for a file that is no picture the browser knows.
export async function openPicture(file) {
  const name = file.name || "pasted picture";
  if (file.size === 0) throw new Unreadable("The file is empty.");
  try {
    const source = await createImageBitmap(file);
    return { name, source, width: source.width, height: source.height };
  } catch {
    throw new Unreadable("It is damaged, or no picture of a format that this browser knows (JPEG, PNG, WebP …).");
  }
}

// Size at which a picture is computed: reduced until its longest side is at most `side`, or as it is (null).
export function computedSize({ width, height }, side) {
  const factor = side === null ? 1 : Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

// RGB of a picture, transparent pixels on white.
export function imageOf({ source }, { width, height }) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    pixels[to] = data[from];
    pixels[to + 1] = data[from + 1];
    pixels[to + 2] = data[from + 2];
  }
  return { pixels, width, height };
}
