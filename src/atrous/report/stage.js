// The picture under its labels: two sides with a border between them that can be moved, zoomed and moved as one.

import { createViewer } from "./viewer.js";

export class Stage {
  constructor({ frame, canvas, divider, onZoom, onPoint }) {
    Object.assign(this, { frame, canvas, divider, onPoint, picture: null, sides: [[], []], split: null });
    this.context = canvas.getContext("2d");
    this.viewer = createViewer(canvas, { largest: 64, onView: ({ scale }) => { onZoom(scale); this.request(); } });
    new ResizeObserver(() => { this.resize(); this.viewer.move(0, 0); }).observe(frame);
    for (const name of ["pointerdown", "pointermove"]) canvas.addEventListener(name, (event) => this.point(event));
    // A finger leaves when it is lifted: what it has pointed at stays until the next touch.
    canvas.addEventListener("pointerleave", ({ pointerType }) => pointerType !== "touch" && onPoint(null));
    this.followDivider();
    this.resize();
  }

  // picture: {source, width, height}; source is drawn below the layers, or null where the browser cannot decode it.
  show(picture) {
    const other = this.picture?.width !== picture?.width || this.picture?.height !== picture?.height;
    this.picture = picture;
    if (other) this.viewer.reset();
    this.request();
  }

  // Layers of the left and of the right side; without a split the right one fills the frame.
  layers(left, right) {
    this.sides = [left, right];
    this.request();
  }

  compare(on) {
    this.split = on ? this.split ?? 50 : null;
    this.divider.hidden = !on;
    this.placeDivider();
    this.request();
  }

  resize() {
    const { width, height } = this.frame.getBoundingClientRect();
    const density = window.devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(width * density), height: Math.round(height * density) });
    this.request();
  }

  request() {
    if (this.requested) return;
    this.requested = true;
    requestAnimationFrame(() => { this.requested = false; this.draw(); });
  }

  // The picture's pixel p lies at scale * p + (x, y) of the canvas.
  placement() {
    const { width, height } = this.canvas;
    const fit = Math.min(width / this.picture.width, height / this.picture.height);
    const density = width / Math.max(this.frame.getBoundingClientRect().width, 1);
    const { scale, x, y } = this.viewer.view;
    return {
      scale: fit * scale,
      x: density * x + (scale * (width - fit * this.picture.width)) / 2,
      y: density * y + (scale * (height - fit * this.picture.height)) / 2,
    };
  }

  draw() {
    const { context, canvas } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.picture) return;
    const place = this.placement();
    const border = this.split === null ? 0 : (this.split / 100) * canvas.width;
    [[0, border], [border, canvas.width]].forEach(([from, to], side) => {
      if (to <= from) return;
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, canvas.height);
      context.clip();
      const { width, height, source } = this.picture;
      context.imageSmoothingEnabled = place.scale < 8;
      if (source) context.drawImage(source, place.x, place.y, width * place.scale, height * place.scale);
      context.imageSmoothingEnabled = false;
      for (const layer of this.sides[side]) layer.draw(context, place);
      context.restore();
    });
  }

  point(event) {
    if (!this.picture) return;
    const box = this.frame.getBoundingClientRect();
    const { scale, x, y } = this.placement();
    const density = this.canvas.width / box.width;
    const column = Math.floor(((event.clientX - box.left) * density - x) / scale);
    const row = Math.floor(((event.clientY - box.top) * density - y) / scale);
    const inside = column >= 0 && row >= 0 && column < this.picture.width && row < this.picture.height;
    const left = this.split !== null && event.clientX - box.left < (this.split / 100) * box.width;
    this.onPoint(inside ? { column, row, left } : null);
  }

  placeDivider() {
    this.divider.style.setProperty("--place", `${this.split ?? 50}%`);
    this.divider.setAttribute("aria-valuenow", Math.round(this.split ?? 50));
  }

  moveDivider(percent) {
    this.split = Math.min(Math.max(percent, 0), 100);
    this.placeDivider();
    this.request();
  }

  followDivider() {
    const { divider, frame } = this;
    divider.addEventListener("pointerdown", (event) => divider.setPointerCapture(event.pointerId));
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      const box = frame.getBoundingClientRect();
      this.moveDivider((100 * (event.clientX - box.left)) / box.width);
    });
    divider.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -5, ArrowRight: 5, PageUp: 25, PageDown: -25, Home: -100, End: 100 };
      if (!(event.key in steps)) return;
      event.preventDefault();
      event.stopPropagation();
      this.moveDivider(this.split + steps[event.key]);
    });
  }
}
