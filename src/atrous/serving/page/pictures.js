// The pictures of the page, and what the server has said of each under which settings.

import { Problem, segment } from "./api.js";
import { Layer, differencePainter, differingShare, entropyPainter, labelPainter } from "./layers.js";
import { bytesOf, decodePng } from "./png.js";

export const MOST = 20;
const AT_ONCE = 2;
const KEPT_PIXELS = 2 ** 22; // larger pictures are decoded again when they are looked at again: twenty would take gigabytes
const CERTAINTY_PIXELS = 2 ** 22; // beyond that, probabilities of every pixel take long

let running = 0;
const waiting = [];

// At most two requests at a time, in the order of their asking.
async function inTurn(work) {
  if (running >= AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  running++;
  try {
    return await work();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

export const keyOf = ({ model, output_stride, scales, flip }) => [model, output_stride, scales, flip].join("|");

export class Picture {
  constructor(file, name) {
    Object.assign(this, { file, name, source: null, thumbnail: "", width: 0, height: 0 });
    Object.assign(this, { runs: new Map(), problems: new Map(), pending: new Set(), differences: new Map() });
  }

  // What the browser itself can show of it; TIFF and HEIC it often cannot.
  async open() {
    try {
      this.source = await createImageBitmap(this.file);
      [this.width, this.height] = [this.source.width, this.source.height];
    } catch {
      return;
    }
    const factor = Math.min(1, 144 / Math.min(this.width, this.height));
    const small = document.createElement("canvas");
    Object.assign(small, { width: Math.ceil(this.width * factor), height: Math.ceil(this.height * factor) });
    small.getContext("2d").drawImage(this.source, 0, 0, small.width, small.height);
    this.thumbnail = small.toDataURL("image/jpeg", 0.8);
  }

  // Whether it is looked at: a large picture that is not lets go of its pixels and of what was painted.
  async look(on, changed) {
    this.seen = on;
    if (!on && this.source && this.width * this.height > KEPT_PIXELS) {
      this.source.close();
      this.source = null;
      for (const { layer, entropyLayer } of this.runs.values()) for (const one of [layer, entropyLayer]) one?.repaint();
      for (const { layer } of this.differences.values()) layer.repaint();
    }
    if (!on || this.source || !this.thumbnail || this.decoding) return;
    this.decoding = true;
    const source = await createImageBitmap(this.file).catch(() => null);
    this.decoding = false;
    this.source = source;
    if (this.seen) changed();
    else this.look(false, changed);
  }

  // Ask the server once for a prediction; `changed` is called at its beginning and at its end.
  async predict(settings, style, changed) {
    const key = keyOf(settings);
    if (this.runs.has(key) || this.pending.has(key) || this.problems.has(key)) return;
    this.pending.add(key);
    changed();
    try {
      const answer = await inTurn(async () => (await segment(this.file, settings, { output: "json" })).json());
      const labels = await decodePng(bytesOf(answer.segmentation_mask));
      [this.width, this.height] = [labels.width, labels.height];
      this.runs.set(key, new Run(key, settings, answer, labels, style));
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem("refused", `The answer cannot be shown: ${error}`);
      this.problems.set(key, problem);
      if (problem.kind === "busy") {
        setTimeout(() => { this.problems.delete(key); this.predict(settings, style, changed); }, 1000 * problem.seconds);
      }
    }
    this.pending.delete(key);
    changed();
  }

  // Share of the pixels in which two predictions differ, and the layer that shows them.
  difference(one, other) {
    const key = `${one.key} ${other.key}`;
    if (!this.differences.has(key)) {
      const layer = new Layer(this.width, this.height, differencePainter(one.labels, other.labels));
      this.differences.set(key, { layer, share: differingShare(one.labels, other.labels) });
    }
    return this.differences.get(key);
  }
}

class Run {
  constructor(key, settings, answer, labels, style) {
    Object.assign(this, { key, settings, answer, labels, certainty: null, asked: false });
    this.layer = new Layer(labels.width, labels.height, labelPainter(labels, style));
  }

  get milliseconds() {
    return this.answer.milliseconds.predict;
  }

  get name() {
    const { model, settings } = this.answer;
    const scales = settings.scales.length > 1 || settings.scales[0] !== 1 ? `, scales ${settings.scales.join(" ")}` : "";
    return `${model}, stride ${settings.output_stride}${scales}${settings.flip ? ", mirrored" : ""}`;
  }

  get allowsCertainty() {
    return this.labels.width * this.labels.height <= CERTAINTY_PIXELS;
  }

  // The two largest probabilities and the entropy of every pixel, asked for when they are first wanted.
  async askCertainty(file, changed) {
    if (this.asked || !this.allowsCertainty) return;
    this.asked = true;
    try {
      const answer = await inTurn(async () => (await segment(file, this.settings, { certainty: true })).json());
      const maps = {};
      for (const [name, text] of Object.entries(answer.certainty)) maps[name] = await decodePng(bytesOf(text));
      this.certainty = maps;
      this.entropyLayer = new Layer(this.labels.width, this.labels.height, entropyPainter(maps.entropy));
    } catch (error) {
      if (error.kind === "busy") setTimeout(() => { this.asked = false; changed(); }, 1000 * error.seconds);
    }
    changed();
  }

  // Class and probabilities at a pixel.
  at({ column, row }) {
    const place = row * this.labels.width + column;
    const found = { label: this.labels.data[place] };
    if (this.certainty === null) return found;
    const { best, second, second_class } = this.certainty;
    const other = { secondLabel: second_class.data[place], second: second.data[place] / 255 };
    return { ...found, best: best.data[place] / 255, ...other };
  }
}
