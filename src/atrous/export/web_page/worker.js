// The model in a thread of its own: messages in are {open} and {image}, messages out are answers with the same number.

const RUNTIMES = { wasm: "./ort.wasm.min.mjs", webgpu: "./ort.webgpu.min.mjs" };

let session = null;
let Tensor = null;

// Content of a file; `report(share)` is called while it comes.
async function load(path, size, report) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`the server answers ${response.status} to ${path}`);
  const content = new Uint8Array(size);
  let place = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (place + value.length > size) throw new Error(`${path} is larger than the file that was exported`);
    content.set(value, place);
    place += value.length;
    report(place / size);
  }
  if (place < size) throw new Error(`${path} is shorter than the file that was exported`);
  return content;
}

// Browsers offer hashes on https and on this machine alone; elsewhere the size has been compared.
async function verify(content, { path, sha256 }) {
  if (!crypto.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const found = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new Error(`${path} is not the file that was exported`);
}

async function open({ file, provider, threads }, report) {
  const content = await load(file.path, file.size, report);
  await verify(content, file);
  const runtime = await import(RUNTIMES[provider]);
  Tensor = runtime.Tensor;
  runtime.env.logLevel = "error";
  runtime.env.wasm.numThreads = threads;
  session = await runtime.InferenceSession.create(content, { executionProviders: [provider] });
}

// Class ids of an image of unsigned bytes [height, width, 3].
async function compute({ pixels, width, height }) {
  const begin = performance.now();
  const { labels } = await session.run({ image: new Tensor("uint8", pixels, [1, height, width, 3]) });
  const data = Uint8Array.from(await labels.getData());
  return { labels: { data, width, height }, milliseconds: performance.now() - begin };
}

self.addEventListener("message", async ({ data: { number, work, ...rest } }) => {
  try {
    const report = (share) => self.postMessage({ number, share });
    const answer = work === "open" ? await open(rest, report) : await compute(rest);
    self.postMessage({ number, answer });
  } catch (error) {
    self.postMessage({ number, error: String(error?.message ?? error) });
  }
});
