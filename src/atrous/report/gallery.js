// The gallery of a page: sorts, filters and enlarges the figures that are already there. Every text is set as text.
for (const gallery of document.querySelectorAll(".gallery")) {
  const grid = gallery.querySelector(".cards");
  const cards = [...grid.children];
  const control = (name) => gallery.querySelector(`[name="${name}"]`);
  const scores = new Map(cards.map((card) => [card, JSON.parse(card.dataset.scores)]));
  const layers = control("layer");
  const shown = gallery.querySelector(".count");
  const dialog = gallery.querySelector("dialog");
  const stage = dialog.querySelector(".stage");
  const viewer = createViewer(dialog.querySelector(".frame"), {
    onView: ({ scale, x, y }) => {
      stage.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      dialog.querySelector(".zoom").textContent = `${Math.round(scale * 100)} %`;
    },
  });
  let visible = cards;
  let current = 0;

  function score(card, by) {
    const value = by === "" ? Number(card.dataset.mean) : scores.get(card)[by];
    return value === null || value === undefined || Number.isNaN(value) ? null : value;
  }

  function arrange() {
    const wanted = control("filter").value;
    const by = control("class").value;
    const order = control("order").value;
    visible = cards.filter((card) => wanted === "" || scores.get(card)[wanted] !== null);
    visible.sort((one, other) => {
      if (order === "name") return one.dataset.name.localeCompare(other.dataset.name, undefined, { numeric: true });
      const [a, b] = [score(one, by), score(other, by)];
      if (a === null || b === null) return (a === null) - (b === null); // images without a score come last
      return order === "worst" ? a - b : b - a;
    });
    const kept = new Set(visible);
    for (const card of cards) card.hidden = !kept.has(card);
    grid.append(...visible);
    shown.textContent = `${visible.length} of ${cards.length} images`;
    for (const card of cards) {
      const value = score(card, by);
      card.querySelector(".score").textContent = value === null ? "–" : value.toFixed(3);
    }
  }

  function paint() {
    gallery.style.setProperty("--opacity", control("opacity").value / 100);
    for (const part of gallery.querySelectorAll(".layer")) part.hidden = part.dataset.layer !== layers.value;
  }

  function enlarge(index) {
    current = (index + visible.length) % visible.length;
    const card = visible[current];
    stage.replaceChildren(...[...card.querySelectorAll("img")].map((part) => part.cloneNode()));
    dialog.querySelector("h3").textContent = card.dataset.name;
    dialog.querySelector(".place").textContent = `${current + 1} of ${visible.length}`;
    const found = Object.entries(scores.get(card)).filter(([, value]) => value !== null);
    found.sort(([, a], [, b]) => a - b);
    dialog.querySelector(".scores").replaceChildren(
      ...found.map(([name, value]) => {
        const item = document.createElement("li");
        item.textContent = `${name} ${value.toFixed(3)}`;
        return item;
      }),
    );
    paint();
    if (!dialog.open) dialog.showModal();
    viewer.reset();
  }

  for (const name of ["filter", "class", "order"]) control(name).addEventListener("change", arrange);
  layers.addEventListener("change", paint);
  control("opacity").addEventListener("input", paint);
  cards.forEach((card) =>
    card.querySelector("button").addEventListener("click", () => enlarge(visible.indexOf(card))),
  );
  const actions = {
    previous: () => enlarge(current - 1),
    next: () => enlarge(current + 1),
    larger: () => viewer.zoomAtCenter(1.5),
    smaller: () => viewer.zoomAtCenter(1 / 1.5),
    close: () => dialog.close(),
  };
  for (const button of dialog.querySelectorAll("button")) {
    button.addEventListener("click", actions[button.dataset.action]);
  }
  dialog.addEventListener("keydown", (event) => {
    const keys = { ArrowLeft: "previous", ArrowRight: "next", "+": "larger", "=": "larger", "-": "smaller" };
    if (keys[event.key]) {
      event.preventDefault();
      actions[keys[event.key]]();
    } else if (event.key === " ") { // the prediction comes and goes: what eyes notice best
      event.preventDefault();
      const slider = control("opacity");
      slider.value = Number(slider.value) > 0 ? 0 : 60;
      paint();
    }
  });
  dialog.addEventListener("close", () => visible[current].querySelector("button").focus());

  gallery.classList.add("ready");
  arrange();
  paint();
}
