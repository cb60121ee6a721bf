// What a notebook keeps of a live report: draws its charts once somebody sees them, which nobody does
// while the live one is there.

import { element } from "./dom.js";
import { libraryOf, ownPlotly } from "./plotly.js";
import { unpacked } from "./rows.js";

const SETTINGS = { displayModeBar: false, responsive: true };

async function draw(place) {
  const read = (name) => unpacked(place.querySelector(`[data-packed=${name}]`).textContent);
  const { make, world } = libraryOf(await read("plotly"), await read("world"));
  const plotly = ownPlotly(make, world, `t${Math.random().toString(36).slice(2)}`);
  const figures = JSON.parse(await read("figures"));
  for (const [name, { data, layout }] of Object.entries(figures)) {
    const plot = element("div");
    place.querySelector(`[data-figure="${CSS.escape(name)}"]`).replaceChildren(plot);
    plotly.newPlot(plot, data, layout, SETTINGS);
  }
}

for (const place of document.querySelectorAll(".insights-saved:not([data-followed])")) {
  place.dataset.followed = "true";
  const observer = new IntersectionObserver((seen) => {
    if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    draw(place);
  });
  observer.observe(place);
}
