// The map: the tables and the reader's choices in, as for charts.js, and where each country lies.

import { color, label, layout } from "./figures.js";
import { groups, nothing, tabOf } from "./shaping.js";
import { exact, nameOf, percent, short, words } from "./language.js";

const KINDS = ["current_customers", "active_customers", "new_customers"];

/* The world by the customers' country. */
export function worldMap(tables, state) {
  const tabs = KINDS.map((key) => ({ key, text: nameOf(key) }));
  const kind = tabOf(tabs, state);
  const column = tables.geographical_spread.columns.indexOf(kind);
  const { rows } = tables.geographical_spread;
  // Several spellings of one country share a shape; its hover tells them apart.
  const countries = groups(
    rows.filter((row) => row[1]),
    (row) => row[1],
  );
  const counts = [...countries].map(([code, same]) => [
    code,
    Math.max(...same.map((row) => row[column] ?? 0)),
  ]);
  const known = counts.filter(([, count]) => count > 0);
  const most = known.reduce((best, [, count]) => Math.max(best, count), 1);
  const line = { color: color("card"), width: 0.5 };
  const shapes = {
    type: "choropleth",
    locations: known.map(([code]) => code),
    z: known.map(([, count]) => Math.log10(count)),
    zmin: 0,
    zmax: Math.log10(most) || 1,
    colorscale: [0, 0.5, 1].map((at, i) => [at, color(`map-${i + 1}`)]),
    marker: { line },
    colorbar: powersOfTen(most),
    showscale: !state.narrow,
    hovertext: known.map(([code]) => countries.get(code).map(spreadOf).join("<br>")),
    hovertemplate: "%{hovertext}<extra></extra>",
  };
  const place = countries.has(state.chosen) ? placeOf(state.world, state.chosen) : null;
  const mark = place && {
    type: "choropleth",
    locations: [state.chosen],
    z: [0],
    showscale: false,
    colorscale: [
      [0, "rgba(0,0,0,0)"],
      [1, "rgba(0,0,0,0)"],
    ],
    marker: { line: { color: color("added"), width: 3 } },
    hoverinfo: "skip",
  };
  return {
    tabs,
    tab: kind,
    plots: [
      {
        data: mark ? [shapes, mark] : [shapes],
        layout: mapLayout(state, place),
        keys: shapes.locations,
      },
    ],
    sentence: spreadSentence(rows, column, kind),
  };
}

function mapLayout(state, place) {
  return layout(Math.min(440, 0.62 * state.width), {
    dragmode: "pan",
    geo: {
      projection: { type: "natural earth", scale: place?.scale ?? 1 },
      center: place?.center ?? { lon: 0, lat: 0 },
      // The whole earth but for Antarctica, where there are no customers.
      lataxis: { range: place ? [-90, 90] : [-57, 84] },
      showland: true,
      landcolor: color("land"),
      showcountries: true,
      countrycolor: color("card"),
      showcoastlines: false,
      showlakes: false,
      showframe: false,
      bgcolor: "rgba(0,0,0,0)",
    },
  });
}

function spreadOf([market, , ...numbers]) {
  const lines = KINDS.map(
    (kind, i) => `${nameOf(kind)}: ${exact(numbers[2 * i])} (${percent(numbers[2 * i + 1])})`,
  );
  return [`<b>${label(market)}</b>`, ...lines].join("<br>");
}

// A scale for logarithms that is labelled with the counts.
function powersOfTen(most) {
  const powers = Array.from(
    { length: Math.floor(Math.log10(most)) + 1 },
    (_, power) => 10 ** power,
  );
  const counts = [...powers, most];
  return {
    tickvals: counts.map(Math.log10),
    ticktext: counts.map(short),
    thickness: 8,
    len: 0.5,
    x: 0,
    xanchor: "left",
    outlinewidth: 0,
  };
}

function spreadSentence(rows, column, kind) {
  const found = rows.filter((row) => row[column]).sort((a, b) => b[column] - a[column]);
  if (!found.length) return nothing();
  const [first] = found;
  return words(
    "{kind}: {value} has the most, {count} ({share}), of {values} countries / regions.",
    {
      kind: nameOf(kind),
      value: first[0],
      count: exact(first[column]),
      share: percent(first[column + 1]),
      values: exact(found.length),
    },
  );
}

// The centre and the zoom at which the largest piece of land of a country fills the map.
export function placeOf(world, code) {
  const country = world.objects.countries.geometries.find(({ id }) => id === code);
  if (!country) return null;
  const pieces = country.type === "Polygon" ? [country.arcs] : country.arcs;
  const boxes = pieces.map((rings) => boxOf(world, rings[0]));
  const size = ({ east, west, north, south }) => (east - west) * (north - south);
  const box = boxes.reduce((best, other) => (size(other) > size(best) ? other : best));
  const fill = Math.min(360 / (box.east - box.west), 140 / (box.north - box.south));
  return {
    center: { lon: (box.east + box.west) / 2, lat: (box.north + box.south) / 2 },
    scale: Math.max(1, Math.min(0.6 * fill, 12)),
  };
}

// TopoJSON: a ring is a list of arcs, of which ~i is arc i backwards; points are differences.
function boxOf({ arcs, transform }, ring) {
  const box = { west: 180, east: -180, south: 90, north: -90 };
  for (const arc of ring) {
    let [x, y] = [0, 0];
    for (const [dx, dy] of arcs[arc < 0 ? ~arc : arc]) {
      x += dx;
      y += dy;
      const longitude = x * transform.scale[0] + transform.translate[0];
      const latitude = y * transform.scale[1] + transform.translate[1];
      box.west = Math.min(box.west, longitude);
      box.east = Math.max(box.east, longitude);
      box.south = Math.min(box.south, latitude);
      box.north = Math.max(box.north, latitude);
    }
  }
  return box;
}
