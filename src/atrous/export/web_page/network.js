// The model in a worker, which is started again after it has run out of memory.

const MOST_THREADS = 8;

export const THREADS = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;

// True where the browser offers a graphics processor.
export async function hasGpu() {
  try {
    return Boolean(await navigator.gpu?.requestAdapter());
  } catch {
    return false;
  }
}

export class Network {
  constructor(file, provider, onShare) {
    Object.assign(this, { file, provider, onShare, worker: null, opened: null, waiting: new Map(), number: 0 });
  }

  // Resolves when the model is loaded.
  open() {
    this.opened ??= this.start();
    return this.opened;
  }

  async start() {
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.receive(data));
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.fail(event.message || "the page's files cannot be loaded");
    });
    await this.ask({ work: "open", file: this.file, provider: this.provider, threads: THREADS });
  }

  // Labels and milliseconds of an image; after a failure the next one starts with a fresh worker.
  async compute({ pixels, width, height }) {
    await this.open();
    try {
      return await this.ask({ work: "compute", pixels, width, height }, [pixels.buffer]);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close() {
    this.worker?.terminate();
    this.fail("another computation was started");
    Object.assign(this, { worker: null, opened: null });
  }

  ask(message, transferred = []) {
    const number = ++this.number;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.worker.postMessage({ number, ...message }, transferred);
    });
  }

  receive({ number, share, answer, error }) {
    if (share !== undefined) {
      this.onShare(share);
      return;
    }
    const waiting = this.waiting.get(number);
    this.waiting.delete(number);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(new Error(error));
  }

  fail(message) {
    for (const { reject } of this.waiting.values()) reject(new Error(message));
    this.waiting.clear();
  }
}
