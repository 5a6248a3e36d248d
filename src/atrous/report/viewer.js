// Zooming and moving of what a frame shows: wheel, dragging, two fingers. Shared by the report and the page of the service.

// At scale 1 the content fills the frame as the caller lays it out; a point p of it lies at scale * p + (x, y).
export function createViewer(frame, { largest = 16, onView }) {
  let view = { scale: 1, x: 0, y: 0 };
  const pointers = new Map();

  function show(scale, x, y) {
    const { width, height } = frame.getBoundingClientRect();
    const inside = (place, side) => Math.min(Math.max(place, side * (1 - scale)), 0);
    view = { scale, x: inside(x, width), y: inside(y, height) };
    onView(view);
  }

  function zoom(factor, x, y) {
    const scale = Math.min(Math.max(view.scale * factor, 1), largest);
    const ratio = scale / view.scale;
    show(scale, x - (x - view.x) * ratio, y - (y - view.y) * ratio);
  }

  function zoomAtCenter(factor) {
    const { width, height } = frame.getBoundingClientRect();
    zoom(factor, width / 2, height / 2);
  }

  function place(event) {
    const box = frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  function middle() {
    const places = [...pointers.values()];
    const mean = (key) => places.reduce((sum, one) => sum + one[key], 0) / places.length;
    const spread = places.length < 2 ? 0 : Math.hypot(places[0].x - places[1].x, places[0].y - places[1].y);
    return { x: mean("x"), y: mean("y"), spread };
  }

  frame.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = place(event);
    zoom(event.deltaY < 0 ? 1.25 : 0.8, x, y);
  }, { passive: false });
  frame.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, place(event));
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) return;
    const before = middle();
    pointers.set(event.pointerId, place(event));
    const after = middle();
    if (view.scale > 1) show(view.scale, view.x + after.x - before.x, view.y + after.y - before.y);
    if (before.spread && after.spread) zoom(after.spread / before.spread, after.x, after.y);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    frame.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }

  return {
    zoom,
    zoomAtCenter,
    reset: () => show(1, 0, 0),
    move: (x, y) => show(view.scale, view.x + x, view.y + y),
    get view() {
      return view;
    },
  };
}
