// A plotly of one report's own, which shares nothing with another one in the document.

import { element } from "./dom.js";

/* What a report is drawn with, of packed texts: what assets.plotly() in Python wraps plotly.js in, and
 * the shapes of countries as JSON. */
export function libraryOf(plotly, world) {
  const script = element("script", {}, plotly);
  document.head.append(script);
  script.remove();
  return { make: script.plotly, world: JSON.parse(world) };
}

/* make is what assets.plotly() in Python wraps plotly.js in; testerId names the element by which
 * plotly measures texts. */
export function ownPlotly(make, world, testerId) {
  // Plotly would put a style sheet into the head of the document, unless it is told that there is
  // one. The few rules that it needs are in style/plotly.css, which a shadow root can hold as well.
  const told = element("style", { id: "plotly.js-style-global", class: "no-inline-styles" });
  document.head.prepend(told);
  const plotly = make({ topojson: { world_110m: world } }, testerId);
  told.remove();
  return plotly;
}

// Draws the map of a plot, if it is one, at once. Plotly does so in a promise, which comes too late
// for a browser that copies the page for its printer while `beforeprint` is still under way.
export function mapNow(plot) {
  const map = plot._fullLayout.geo?._subplot;
  map?.update(map._geoCalcData, map._fullLayout);
}
