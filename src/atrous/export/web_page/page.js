// The page: a picture in, labels over it. The state is in `state`; `render` shows it.

import { Layer, labelPainter } from "./layers.js";
import { showLegend } from "./legend.js";
import { Network, THREADS, hasGpu } from "./network.js";
import { Unreadable, computedSize, imageOf, openPicture } from "./pictures.js";
import { encodePng } from "./png.js";
import { Stage } from "./stage.js";

const find = (id) => document.getElementById(id);
const VIEWS = ["picture", "overlay", "map"];
const state = {
  model: null, network: null, picture: null, run: null, problem: null, working: "", view: "overlay", opacity: 0.6,
  only: null, compare: false, side: 1025, provider: "wasm", turn: 0,
};

const stage = new Stage({
  frame: find("frame"), canvas: find("canvas"), divider: find("divider"),
  onZoom: (scale) => (find("zoom").textContent = `${Math.round(100 * scale)} %`),
  onPoint: point,
});

const names = () => state.model.classes.map(({ name }) => name);
const sizeText = ({ width, height }) => `${width} × ${height}`;

// `kind` chooses the sign and the colour: "refused", "large" or "missing".
function problem(kind, title, text, action, button) {
  return { kind, title, text, action, button };
}

async function open(file, more = 0) {
  const turn = ++state.turn;
  const name = file.name || "pasted picture";
  set({ working: `Reading ${name}`, problem: null, run: null, only: null });
  try {
    const picture = await openPicture(file);
    if (turn !== state.turn) return;
    state.picture?.source.close();
    set({ picture });
    find("name").textContent = more ? `${name}, the first of ${more + 1}` : name;
    compute();
  } catch (error) {
    if (turn !== state.turn) return;
    const text = error instanceof Unreadable ? error.message : String(error);
    set({ working: "", picture: null, problem: problem("refused", `${name} cannot be read`, text, choose, "Choose another picture") });
    find("name").textContent = name;
  }
}

async function compute() {
  if (!state.picture || !state.network) return;
  const turn = ++state.turn;
  const { picture, network } = state;
  const size = computedSize(picture, state.side);
  set({ working: `Computing ${picture.name}`, run: null, problem: null });
  try {
    await network.open();
    if (turn !== state.turn) return;
    const { labels, milliseconds } = await network.compute(imageOf(picture, size));
    if (turn !== state.turn) return;
    set({ working: "", run: runOf(labels, milliseconds, turn) });
  } catch (error) {
    if (turn !== state.turn) return;
    set({ working: "", problem: network.opened ? cannotLoad(error) : cannotCompute(size, error) });
  }
}

function runOf(labels, milliseconds, key) {
  const counts = new Uint32Array(256);
  for (const label of labels.data) counts[label]++;
  const shares = Object.fromEntries(names().map((name, label) => [name, counts[label] / labels.data.length]));
  const colors = state.model.classes.map(({ overlay_color }) => overlay_color);
  const map = () => state.view === "map";
  const style = () => ({
    colors, bare: map() ? null : state.model.background, only: state.only, opacity: map() ? 1 : state.opacity,
  });
  return { key, labels, milliseconds, answer: { shares }, layer: new Layer(labels.width, labels.height, labelPainter(labels, style)) };
}

function cannotCompute(size, error) {
  const text = `The browser gave up (${error.message}); often memory is short. Choose a smaller longest side, then try again.`;
  return problem("large", `${sizeText(size)} pixels cannot be computed`, text, compute, "Try again");
}

function cannotLoad(error) {
  const local = location.protocol === "file:";
  const text = local
    ? "Browsers load no model from a file. Run python -m http.server in this folder and open the address that it names."
    : `${error.message}. Put all files of the exported folder on the server, as they are.`;
  return problem("missing", "The model cannot be loaded", text, () => location.reload(), "Try again");
}

function set(changes) {
  Object.assign(state, changes);
  state.run?.layer.repaint();
  render();
}

function render() {
  const { picture, run, problem: wrong } = state;
  stage.show(wrong || !picture ? null : { ...shownSize(picture, run), source: picture.source });
  stage.layers([], run && !wrong && state.view !== "picture" ? [run.layer] : []);
  stage.compare(state.compare && Boolean(run) && !wrong);
  document.body.classList.toggle("started", Boolean(picture || wrong || state.working));
  document.body.classList.toggle("wrong", Boolean(wrong));
  find("empty").hidden = Boolean(picture || wrong || state.working);
  find("working").hidden = !state.working;
  find("working").lastElementChild.textContent = state.working;
  find("frame").setAttribute("aria-busy", String(Boolean(state.working)));
  showProblem();
  for (const radio of document.querySelectorAll("[name=view]")) radio.checked = radio.value === state.view;
  find("opacity").disabled = state.view !== "overlay";
  find("compare").checked = state.compare;
  find("all-classes").hidden = state.only === null;
  find("download").disabled = !run;
  find("size").textContent = run ? sizeText(run.labels) : "–";
  find("time").textContent = run ? timeText(run.milliseconds) : "–";
  if (state.model) {
    const bare = state.view === "map" ? null : state.model.background;
    showLegend(find("legend"), { model: state.model, run, only: state.only, bare, isolate: (only) => set({ only }) });
  }
  describeForReaders();
}

// The stage counts in pixels of the label map; the picture is drawn into the same place.
const shownSize = (picture, run) => (run ? run.labels : computedSize(picture, state.side));
const timeText = (milliseconds) => (milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`);

function showProblem() {
  const box = find("problem");
  const wrong = state.problem;
  box.hidden = !wrong;
  if (!wrong) return;
  box.className = `notice ${wrong.kind}`;
  const signs = { refused: "#broken", large: "#large", missing: "#missing" };
  box.querySelector("use").setAttribute("href", signs[wrong.kind]);
  box.querySelector("h2").textContent = wrong.title;
  box.querySelector("p").textContent = wrong.text;
  const button = box.querySelector("button");
  button.textContent = wrong.button;
  button.onclick = wrong.action;
}

function describeForReaders() {
  let text = state.working;
  if (state.problem) text = `${state.problem.title}. ${state.problem.text}`;
  else if (state.run) {
    const shares = Object.entries(state.run.answer.shares).filter(([, share]) => share > 0);
    text = `${state.picture.name}: ${shares.map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(", ")}`;
  }
  if (find("status").textContent !== text) find("status").textContent = text;
  find("canvas").setAttribute("aria-label", text || "No picture yet");
}

function point(place) {
  const line = find("pointed");
  const label = place && state.run ? state.run.labels.data[place.row * state.run.labels.width + place.column] : null;
  for (const marked of document.querySelectorAll("#legend .pointed")) marked.classList.remove("pointed");
  line.textContent = label === null ? "Point at the picture for its class." : names()[label] ?? `class ${label}`;
  document.querySelector(`#legend [data-label="${label}"]`)?.classList.add("pointed");
}

function showEngine(share = 1) {
  const { runtime } = state.model;
  if (share < 1) {
    find("engine").textContent = `Loading the model, ${Math.round(100 * share)} %`;
    return;
  }
  const processor = state.provider === "webgpu" ? "WebGPU, not tested" : "WebAssembly with SIMD";
  const threads = THREADS === 1 ? "1 thread" : `${THREADS} threads`;
  const why = self.crossOriginIsolated || state.provider === "webgpu" ? "" : "; for more see README.md";
  find("engine").textContent = `${runtime}, ${processor}${state.provider === "webgpu" ? "" : `, ${threads}${why}`}`;
}

async function use(provider) {
  state.network?.close();
  const network = new Network(state.model.file, provider, (share) => network === state.network && showEngine(share));
  Object.assign(state, { provider, network });
  try {
    await network.open();
    if (network !== state.network) return;
    showEngine();
  } catch (error) {
    if (network !== state.network) return;
    if (provider === "webgpu") {
      find("provider").value = "wasm";
      use("wasm");
      return;
    }
    find("engine").textContent = "No model";
    set({ problem: cannotLoad(error), working: "" });
    return;
  }
  compute();
}

async function download() {
  const { run, picture } = state;
  const content = await encodePng(run.labels, state.model.classes.map(({ color }) => color));
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(content), download: `${picture.name.replace(/\.\w+$/, "")}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function choose() {
  find("files").click();
}

function take(files) {
  if (files.length) open(files[0], files.length - 1);
}

function listen() {
  for (const button of document.querySelectorAll("[data-action=choose]")) button.addEventListener("click", choose);
  find("files").addEventListener("change", ({ target }) => { take([...target.files]); target.value = ""; });
  document.addEventListener("paste", ({ clipboardData }) => take([...clipboardData.files]));
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.toggle("dropping", name === "dragover" || name === "dragenter");
      if (name === "drop") take([...event.dataTransfer.files]);
    });
  }
  for (const radio of document.querySelectorAll("[name=view]")) {
    radio.addEventListener("change", () => set({ view: radio.value }));
  }
  find("opacity").addEventListener("input", ({ target }) => set({ opacity: target.value / 100, view: "overlay" }));
  find("compare").addEventListener("change", ({ target }) => set({ compare: target.checked }));
  find("side").addEventListener("change", ({ target }) => { state.side = target.value ? Number(target.value) : null; compute(); });
  find("provider").addEventListener("change", ({ target }) => use(target.value));
  find("all-classes").addEventListener("click", () => set({ only: null }));
  find("larger").addEventListener("click", () => stage.viewer.zoomAtCenter(1.5));
  find("smaller").addEventListener("click", () => stage.viewer.zoomAtCenter(1 / 1.5));
  find("fit").addEventListener("click", () => stage.viewer.reset());
  find("download").addEventListener("click", download);
  document.addEventListener("keydown", onKey);
}

function onKey(event) {
  const inControl = event.target.closest("input:not([type=radio]), select, [role=slider]");
  if (inControl || event.ctrlKey || event.metaKey || event.altKey) return;
  const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
  const actions = {
    " ": () => set({ view: state.view === "picture" ? "overlay" : "picture" }),
    "+": () => stage.viewer.zoomAtCenter(1.5),
    "=": () => stage.viewer.zoomAtCenter(1.5),
    "-": () => stage.viewer.zoomAtCenter(1 / 1.5),
    0: () => stage.viewer.reset(),
    c: () => set({ compare: !state.compare }),
  };
  VIEWS.forEach((view, index) => { actions[index + 1] = () => set({ view }); });
  let action = actions[event.key];
  if (event.shiftKey && event.key in moves) action = () => stage.viewer.move(...moves[event.key]);
  if (event.key === " " && event.target.closest("button, summary, input")) return;
  if (!action) return;
  event.preventDefault();
  action();
}

async function start() {
  find("unstarted").remove();
  listen();
  render();
  try {
    const response = await fetch("model.json");
    if (!response.ok) throw new Error(`the server answers ${response.status} to model.json`);
    state.model = await response.json();
  } catch (error) {
    find("engine").textContent = "No model";
    set({ problem: cannotLoad(error) });
    return;
  }
  document.title = find("title").textContent = state.model.name;
  render();
  use("wasm");
  find("providers").hidden = !(await hasGpu());
}

start();
