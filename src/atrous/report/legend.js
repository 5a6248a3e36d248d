// The list of classes with their shares of a picture. Shared by the page of the service and exported pages.

export const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const rgb = (color) => `rgb(${color.join(" ")})`;

// `model`: {name, classes}; `run`: {key, answer: {shares}} or none yet; `isolate(id)` shows one class alone, or all (null).
export function showLegend(list, { model, run, only, bare, isolate }) {
  const text = JSON.stringify([model?.name, run?.key, run?.answer.shares, only, bare]);
  if (!model || list.dataset.shown === text) return;
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.label : null;
  list.dataset.shown = text;
  const shareOf = ({ name }) => run?.answer.shares[name] ?? 0;
  const classes = [...model.classes].sort((one, other) => shareOf(other) - shareOf(one) || one.id - other.id);
  const shown = run ? classes.filter((one) => shareOf(one) > 0 || one.id === only) : classes;
  list.replaceChildren(...shown.map((one) => {
    const swatch = element("i");
    if (one.id === bare) swatch.className = "bare";
    else swatch.style.background = rgb(one.overlay_color);
    const bar = element("b");
    bar.style.width = `${100 * shareOf(one)}%`;
    if (one.id !== bare) bar.style.background = rgb(one.overlay_color);
    const share = element("span", { className: "share", textContent: run ? percent(shareOf(one)) : "" });
    const name = element("span", { className: "name", textContent: one.name, title: one.name });
    const button = element("button", { type: "button", onclick: () => isolate(only === one.id ? null : one.id) });
    button.append(swatch, name, share, ...(run ? [bar] : []));
    button.dataset.label = one.id;
    button.setAttribute("aria-pressed", String(only === one.id));
    return element("li", { className: only !== null && only !== one.id ? "faint" : "" }, button);
  }));
  if (focused !== null) list.querySelector(`[data-label="${focused}"]`)?.focus();
}
