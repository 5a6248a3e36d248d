// The page: pictures in, labels over them. The state is in `state`; `render` shows it.

import { Problem, describe, hasToken, segment, setToken } from "./api.js";
import { takePicture } from "./camera.js";
import { MOST, Picture, keyOf } from "./pictures.js";
import { Stage } from "./stage.js";
import { curlCommand, linkOf, readLink } from "./links.js";
import { showProblem } from "./problems.js";
import { showLegend } from "./legend.js";
import { showPointed, showRuns, showStrip } from "./panels.js";

const find = (id) => document.getElementById(id);
const state = {
  description: null, problem: null, pictures: [], current: 0, view: "overlay", opacity: 0.6, only: null, compare: "",
  settings: { model: "", output_stride: "", scales: "", flip: "" },
};
const VIEWS = ["picture", "overlay", "map", "entropy", "difference"];

const stage = new Stage({
  frame: find("frame"), canvas: find("canvas"), divider: find("divider"),
  onZoom: (scale) => (find("zoom").textContent = `${Math.round(100 * scale)} %`),
  onPoint: point,
});

const model = () => state.description?.models.find(({ name }) => name === state.settings.model);
const picture = () => state.pictures[state.current];
const run = () => picture()?.runs.get(keyOf(state.settings));

// The prediction, or "picture", that is compared with.
function other() {
  if (state.compare.startsWith("model:")) {
    return picture()?.runs.get(keyOf({ ...state.settings, model: state.compare.slice(6) }));
  }
  return state.compare.startsWith("run:") ? picture()?.runs.get(state.compare.slice(4)) : null;
}

function styleOf(name) {
  const { classes, background } = state.description.models.find((one) => one.name === name);
  const colors = classes.map(({ overlay_color }) => overlay_color);
  return () => ({
    colors, bare: state.view === "map" ? null : background, only: state.only,
    opacity: state.view === "map" ? 1 : state.opacity,
  });
}

function predict() {
  if (!state.description || !picture()) return;
  const ask = (one, settings) => one.predict(settings, styleOf(settings.model), render);
  ask(picture(), { ...state.settings });
  if (state.compare.startsWith("model:")) ask(picture(), { ...state.settings, model: state.compare.slice(6) });
  for (const one of state.pictures) ask(one, { ...state.settings });
}

async function add(files) {
  const room = MOST - state.pictures.length;
  const kept = [...files].slice(0, room);
  if (files.length > room) toast(`${MOST} pictures at a time; ${files.length - room} were left out.`);
  const added = kept.map((file) => new Picture(file, file.name || "pasted picture"));
  for (const one of added) { // one by one: decoded pictures are large
    await one.open();
    if (one !== added[0]) one.look(false, render);
  }
  state.current = added.length ? state.pictures.length : state.current;
  state.pictures.push(...added);
  look();
  predict();
  render();
}

function remove(index) {
  state.pictures.splice(index, 1);
  state.current = Math.max(0, Math.min(state.current, state.pictures.length - 1));
  look();
  render();
}

// Only the picture that is shown needs to be decoded.
function look() {
  for (const one of state.pictures) one.look(one === picture(), render);
}

function select(index) {
  if (!state.pictures.length) return;
  state.current = (index + state.pictures.length) % state.pictures.length;
  look();
  predict();
  render();
}

function set(changes) {
  Object.assign(state, changes);
  repaint();
  predict();
  render();
}

function repaint() {
  for (const one of state.pictures) for (const found of one.runs.values()) found.layer.repaint();
}

// Layers of one side: of a prediction, in the view that is chosen.
function layersOf(found) {
  if (!found || state.view === "picture") return [];
  if (state.view === "entropy") {
    found.askCertainty(picture().file, render);
    return found.entropyLayer ? [found.entropyLayer] : [];
  }
  return [found.layer];
}

function render() {
  const [one, found, compared] = [picture(), run(), other()];
  const problem = state.problem ?? one?.problems.get(keyOf(state.settings));
  const comparing = state.compare !== "" && Boolean(found) && !problem;
  const bothPredicted = comparing && Boolean(compared);
  if (state.view === "difference" && !bothPredicted && !one?.pending.size) state.view = "overlay";
  const shown = problem || !one ? null : { source: one.source, width: one.width, height: one.height };
  stage.show(shown?.width ? shown : null);
  if (bothPredicted && state.view === "difference") {
    const { layer } = one.difference(found, compared);
    stage.layers([layer], [layer]);
  } else {
    stage.layers(layersOf(compared), layersOf(found));
  }
  stage.compare(comparing && state.view !== "difference");
  showNames(comparing && state.view !== "difference", compared, found);
  document.body.classList.toggle("started", state.pictures.length > 0);
  find("empty").hidden = Boolean(one || problem);
  showProblem(find("problem"), problem, { one, retry, remove: () => remove(state.current), settings: state.settings });
  showWorking(one, found, problem);
  for (const radio of document.querySelectorAll("[name=view]")) {
    radio.checked = radio.value === state.view;
    radio.disabled = radio.value === "difference" ? !bothPredicted : radio.value === "entropy" && found && !found.allowsCertainty;
  }
  find("opacity").disabled = state.view !== "overlay" && state.view !== "picture";
  showStrip(find("strip"), state, { key: keyOf(state.settings), select, remove });
  showLegend(find("legend"), { model: model(), run: found, only: state.only, bare: state.view === "map" ? null : model()?.background, isolate: (only) => set({ only }) });
  find("all-classes").hidden = state.only === null;
  showRuns(find("runs"), { one, found, use: (settings) => { Object.assign(state.settings, settings); controls(); set({}); } });
  showCompare(one);
  for (const button of document.querySelectorAll("[data-download]")) button.disabled = !found;
  find("curl").textContent = curlCommand(state, one, hasToken());
  describeForReaders(one, found, problem);
  history.replaceState(null, "", linkOf(state));
}

function showNames(comparing, compared, found) {
  find("left-name").hidden = find("right-name").hidden = !comparing;
  if (!comparing) return;
  find("left-name").textContent = compared ? compared.name : state.compare === "picture" ? "picture" : "predicting…";
  find("right-name").textContent = compared ? found.name : "labels";
}

function showWorking(one, found, problem) {
  const busy = one && !found && !problem;
  find("working").hidden = !busy;
  find("frame").setAttribute("aria-busy", String(Boolean(busy)));
  find("working").lastElementChild.textContent = `Predicting ${one?.name ?? ""}`;
}

function showCompare(one) {
  const options = [["", "nothing"], ["picture", "the picture"]];
  for (const { name } of state.description?.models ?? []) {
    if (name !== state.settings.model) options.push([`model:${name}`, `model ${name}`]);
  }
  for (const found of one?.runs.values() ?? []) {
    if (found.key !== keyOf(state.settings)) options.push([`run:${found.key}`, found.name]);
  }
  const chosen = find("compare");
  const text = JSON.stringify(options);
  if (chosen.dataset.options !== text) {
    chosen.dataset.options = text;
    chosen.replaceChildren(...options.map(([value, name]) => new Option(name, value)));
  }
  if (!options.some(([value]) => value === state.compare)) state.compare = "";
  chosen.value = state.compare;
}

function describeForReaders(one, found, problem) {
  let text = "";
  if (problem) text = `${one?.name ?? "The server"}: ${problem.message}`;
  else if (found) {
    const shares = Object.entries(found.answer.shares).map(([name, share]) => `${name} ${Math.round(100 * share)} %`);
    text = `${one.name}: ${shares.join(", ")}`;
  } else if (one) text = `Predicting ${one.name}`;
  if (find("status").textContent !== text) find("status").textContent = text;
  find("canvas").setAttribute("aria-label", text || "No picture yet");
}

function point(place) {
  const found = place?.left ? other() ?? null : run();
  if (place && found) found.askCertainty(picture().file, render);
  showPointed(find("pointed"), find("legend"), { place, found, models: state.description?.models });
}

function retry() {
  state.problem = null;
  picture()?.problems.clear();
  if (state.description) predict();
  else start();
  render();
}

function controls() {
  find("model").value = state.settings.model;
  find("stride").value = state.settings.output_stride;
  if (![...find("scales").options].some(({ value }) => value === state.settings.scales)) {
    find("scales").append(new Option(state.settings.scales.replaceAll(",", ", "), state.settings.scales));
  }
  find("scales").value = state.settings.scales;
  find("flip").checked = state.settings.flip === "true";
  find("opacity").value = 100 * state.opacity;
}

let clearing = 0;
function toast(text) {
  const line = find("toast");
  Object.assign(line, { textContent: text, hidden: false });
  clearTimeout(clearing);
  clearing = setTimeout(() => (line.hidden = true), 4000);
}

async function copy(text, what) {
  await navigator.clipboard.writeText(text).then(() => toast(`${what} copied`), () => toast("The browser allows no copying here"));
}

async function download(output) {
  const [one, found] = [picture(), run()];
  const suffix = { labels: ".png", overlay: "_overlay.png", polygons: "_polygons.json", coco_rle: "_coco.json" }[output];
  try {
    const extra = output === "overlay" ? { output, opacity: state.opacity } : { output };
    const content = await (await segment(one.file, found.settings, extra)).blob();
    const link = document.createElement("a");
    Object.assign(link, { href: URL.createObjectURL(content), download: one.name.replace(/\.\w+$/, "") + suffix });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    toast(error.message);
  }
}

const choose = () => find("files").click();
const camera = async () => {
  const taken = await takePicture(find("camera-dialog"), toast);
  if (taken) add([taken]);
};

function listen() {
  for (const button of document.querySelectorAll("[data-action]")) {
    button.addEventListener("click", { choose, camera }[button.dataset.action]);
  }
  find("files").addEventListener("change", ({ target }) => { add(target.files); target.value = ""; });
  document.addEventListener("paste", ({ clipboardData }) => {
    const files = [...clipboardData.files].filter(({ type }) => type.startsWith("image/"));
    if (files.length) add(files);
  });
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      document.body.classList.toggle("dropping", name === "dragover" || name === "dragenter");
      if (name === "drop" && event.dataTransfer.files.length) add(event.dataTransfer.files);
    });
  }
  const setting = (id, name, value) => find(id).addEventListener("change", ({ target }) => {
    state.settings[name] = value(target);
    set({});
  });
  find("model").addEventListener("change", ({ target }) => {
    state.settings.model = target.value;
    set({ only: null, compare: state.compare.startsWith("model:") ? "" : state.compare });
  });
  setting("stride", "output_stride", ({ value }) => value);
  setting("scales", "scales", ({ value }) => value);
  setting("flip", "flip", ({ checked }) => (checked ? "true" : ""));
  for (const radio of document.querySelectorAll("[name=view]")) {
    radio.addEventListener("change", () => set({ view: radio.value }));
  }
  find("opacity").addEventListener("input", ({ target }) => set({ opacity: target.value / 100, view: "overlay" }));
  find("compare").addEventListener("change", ({ target }) => set({ compare: target.value }));
  find("all-classes").addEventListener("click", () => set({ only: null }));
  find("larger").addEventListener("click", () => stage.viewer.zoomAtCenter(1.5));
  find("smaller").addEventListener("click", () => stage.viewer.zoomAtCenter(1 / 1.5));
  find("fit").addEventListener("click", () => stage.viewer.reset());
  find("copy-link").addEventListener("click", () => copy(location.href, "Link"));
  find("copy-curl").addEventListener("click", () => copy(find("curl").textContent, "Command"));
  for (const button of document.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => download(button.dataset.download));
  }
  find("problem").querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(new FormData(event.target).get("token"));
    event.target.reset();
    retry();
  });
  document.addEventListener("keydown", onKey);
}

function onKey(event) {
  const inControl = event.target.closest("input:not([type=radio]), select, textarea, dialog, [role=slider]");
  if (inControl || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = 60;
  const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  const inRadio = event.target.matches("input[type=radio]");
  let action = null;
  if (event.shiftKey && event.key in moves) action = () => stage.viewer.move(...moves[event.key]);
  else if (event.key === "ArrowLeft" && !inRadio) action = () => select(state.current - 1);
  else if (event.key === "ArrowRight" && !inRadio) action = () => select(state.current + 1);
  else if (/^[1-5]$/.test(event.key)) action = () => choosable(VIEWS[event.key - 1]) && set({ view: VIEWS[event.key - 1] });
  else if (event.key === " " && !event.target.closest("button, a, summary, input")) {
    action = () => set({ view: state.view === "picture" ? "overlay" : "picture" });
  } else if (event.key === "+" || event.key === "=") action = () => stage.viewer.zoomAtCenter(1.5);
  else if (event.key === "-") action = () => stage.viewer.zoomAtCenter(1 / 1.5);
  else if (event.key === "0") action = () => stage.viewer.reset();
  else if (event.key === "c") action = () => set({ compare: state.compare ? "" : "picture" });
  if (action === null) return;
  event.preventDefault();
  action();
}

const choosable = (view) => !document.querySelector(`[name=view][value=${view}]`).disabled;

async function start() {
  try {
    state.description = await describe();
  } catch (error) {
    state.problem = error instanceof Problem ? error : new Problem("offline", String(error));
    render();
    return;
  }
  const { models, limits } = state.description;
  find("model").replaceChildren(...models.map(({ name }) => new Option(name, name)));
  const named = models.some(({ name }) => name === state.settings.model);
  if (!named) state.settings.model = state.description.default;
  const megabytes = Math.floor(limits.max_bytes / 2 ** 20);
  find("limits").textContent = `JPEG, PNG, WebP, TIFF, HEIC … up to ${megabytes} MB and ${Math.floor(limits.max_pixels / 1e6)} megapixels`;
  controls();
  predict();
  render();
}

Object.assign(state, readLink(location.hash, state));
listen();
start();
