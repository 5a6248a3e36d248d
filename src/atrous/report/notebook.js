// One image under its labels, in a cell of a notebook.
const stage = document.querySelector(".stage");
const slider = document.querySelector("input");
const viewer = createViewer(document.querySelector(".frame"), {
  onView: ({ scale, x, y }) => {
    stage.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  },
});

function paint() {
  document.querySelector(".labels").style.opacity = slider.value / 100;
}

slider.addEventListener("input", paint);
document.querySelector("[aria-label=larger]").addEventListener("click", () => viewer.zoomAtCenter(1.5));
document.querySelector("[aria-label=smaller]").addEventListener("click", () => viewer.zoomAtCenter(1 / 1.5));
paint();
