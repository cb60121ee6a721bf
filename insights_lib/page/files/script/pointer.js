// Which mark of a drawing is under the pointer. Plotly tells all marks of a month at once, and what
// it draws takes no events; so the shapes are asked where they are.

const REACH = 6; // pixels by which a pointer may miss what is drawn small

/* The mark at a place of the window: marks are lists of each trace's marks, as charts.js gives them,
 * points what plotly has found there. */
export function markUnder(plot, points, marks, place) {
  const found = points
    .map(({ curveNumber, pointNumber }) => ({
      mark: marks[curveNumber]?.[pointNumber],
      distance: distanceTo(shapeOf(plot, curveNumber, pointNumber), place),
    }))
    .filter(({ mark, distance }) => mark && distance <= REACH);
  // What is drawn last lies on top.
  return found.reduce((best, one) => (one.distance <= (best?.distance ?? REACH) ? one : best), null)
    ?.mark;
}

// The shape of a point: the traces of a kind stand in a layer in their order.
function shapeOf(plot, trace, point) {
  const { type, y } = plot.data[trace];
  const before = plot.data.slice(0, trace).filter((other) => other.type === type).length;
  const layer = type === "bar" ? ".barlayer" : ".scatterlayer";
  const shapes = plot.querySelectorAll(`${layer} .trace`)[before]?.querySelectorAll(".point");
  // Of a line, points that are not known have no shape.
  const gaps = type === "bar" ? 0 : y.slice(0, point).filter((count) => count === null).length;
  return shapes?.[point - gaps];
}

function distanceTo(shape, { x, y }) {
  const box = (shape?.querySelector("path") ?? shape)?.getBoundingClientRect();
  if (!box) return Infinity;
  const aside = (at, from, to) => Math.max(from - at, 0, at - to);
  return Math.hypot(aside(x, box.left, box.right), aside(y, box.top, box.bottom));
}
