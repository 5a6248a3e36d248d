// The lists of the page: pictures, classes, predictions, and the reading under the pointer.

import { element, percent } from "./legend.js";

export function showStrip(list, state, { key, select, remove }) {
  const stateOf = (one) => (one.problems.has(key) ? "failed" : one.runs.has(key) ? "done" : "waiting");
  const text = JSON.stringify([state.current, state.pictures.map((one) => [one.name, one.thumbnail.length, stateOf(one)])]);
  if (list.dataset.shown === text) return;
  const focused = list.contains(document.activeElement);
  list.dataset.shown = text;
  list.replaceChildren(...state.pictures.map((one, index) => {
    const image = one.thumbnail ? element("img", { src: one.thumbnail, alt: "" }) : element("span", { textContent: one.name });
    const button = element("button", { type: "button", title: one.name, onclick: () => select(index) }, image);
    const states = { failed: ", failed", waiting: ", waiting", done: "" };
    button.setAttribute("aria-label", `${one.name}${states[stateOf(one)]}`);
    if (index === state.current) button.setAttribute("aria-current", "true");
    const cross = element("button", { type: "button", className: "remove", textContent: "×", onclick: () => remove(index) });
    cross.setAttribute("aria-label", `Remove ${one.name}`);
    return element("li", { className: stateOf(one) }, button, cross);
  }));
  const current = list.querySelector("[aria-current]");
  if (focused) current?.focus();
  if (current) list.scrollLeft = current.parentElement.offsetLeft - (list.clientWidth - current.clientWidth) / 2;
}

export function showPointed(line, list, { place, found, models }) {
  for (const marked of list.querySelectorAll(".pointed")) marked.classList.remove("pointed");
  if (!place || !found) {
    line.textContent = "Point at the picture for class and probability.";
    return;
  }
  const { classes } = models.find(({ name }) => name === found.answer.model);
  const { label, best, secondLabel, second } = found.at(place);
  const nameOf = (id) => classes[id]?.name ?? "no data";
  list.querySelector(`[data-label="${label}"]`)?.classList.add("pointed");
  const parts = [element("strong", { textContent: nameOf(label) })];
  if (best !== undefined) {
    parts.push(` ${percent(best, 0)}`, element("span", { textContent: `${nameOf(secondLabel)} ${percent(second, 0)}` }));
  }
  line.replaceChildren(...parts);
}

export function showRuns(table, { one, found, use }) {
  const runs = [...(one?.runs.values() ?? [])];
  table.hidden = runs.length === 0;
  table.tBodies[0].replaceChildren(...runs.map((run) => {
    const same = run === found;
    const name = element("button", { type: "button", textContent: run.name, onclick: () => use(run.settings) });
    if (same) name.setAttribute("aria-current", "true");
    const differs = !found || same ? "–" : percent(one.difference(found, run).share, 2);
    return element("tr", {}, element("td", {}, name), element("td", { textContent: time(run.milliseconds) }), element("td", { textContent: differs }));
  }));
}

const time = (milliseconds) => (milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`);
