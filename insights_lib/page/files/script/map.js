// The map: the tables and the reader's choices in, as for charts.js, and where each country lies.

import { cut } from "./dom.js";
import { groups, label, tabOf } from "./figures.js";

// What the map shows by country, and the column that holds its share.
export const SHARES = {
  current_customers: "current_pct",
  active_customers: "active_pct",
  new_customers: "new_pct",
};
const CLEAR = "rgba(0,0,0,0)";
const APART = 0.3; // of a power of ten: nearer labels of the colour bar would run into each other
const MIDDLE = 14; // of the latitudes that are shown
const MOST_NAMED = 10; // countries without a position; the table holds all
const AROUND_A_DOT = 8; // the zoom at which a country without a shape is shown

/* The world by the customers' country. */
export function worldMap(tables, state, report) {
  const { t, figures, world, mark } = report;
  const tabs = Object.keys(SHARES).map((key) => ({ key, text: t.nameOf(key) }));
  const kind = tabOf(tabs, state);
  const rows = tables.geographical_spread;
  // Several spellings of one country share a shape; its hover tells them apart.
  const countries = groups(
    rows.filter((row) => row.country_code),
    (row) => row.country_code,
  );
  const shown = countsOf(countries, kind);
  const [shapes, dots] = [false, true].map((isDot) =>
    shown.filter(({ code }) => code in world.places === isDot),
  );
  const drawn = [{ ...shapesOf(shapes, shown, report), showscale: !state.narrow }];
  if (dots.length) drawn.push(dotsOf(dots, shown, report));
  const place = countries.has(state.chosen) ? placeOf(world, state.chosen) : null;
  const data = place ? [...drawn, outline(state.chosen, report)] : drawn;
  return {
    tabs,
    tab: kind,
    plots: [{ data, layout: mapLayout(state, place, figures), keys: drawn.map(({ ids }) => ids) }],
    sentence: spreadSentence(rows, kind, t),
    under: unplacedSentence(rows, kind, report),
    offers: (countries.get(state.chosen) ?? []).map((row) =>
      mark("geographical_spread", row, kind),
    ),
  };
}

function countsOf(countries, kind) {
  return [...countries]
    .map(([code, rows]) => ({ code, rows, count: Math.max(...rows.map((row) => row[kind] ?? 0)) }))
    .filter(({ count }) => count > 0);
}

const mostOf = (shown) => shown.reduce((best, { count }) => Math.max(best, count), 1);
const colours = (figures) => [0, 0.5, 1].map((at, i) => [at, figures.color(`map-${i + 1}`)]);

function textsOf(shown, t) {
  return {
    ids: shown.map(({ code }) => code),
    hovertext: shown.map(({ rows }) => rows.map((row) => spreadOf(row, t)).join("<br>")),
    hovertemplate: "%{hovertext}<extra></extra>",
  };
}

function shapesOf(shown, all, { t, figures }) {
  return {
    type: "choropleth",
    locations: shown.map(({ code }) => code),
    z: shown.map(({ count }) => Math.log10(count)),
    zmin: 0,
    zmax: Math.log10(mostOf(all)) || 1,
    colorscale: colours(figures),
    marker: { line: { color: figures.color("card"), width: 0.5 } },
    colorbar: powersOfTen(mostOf(all), t),
    ...textsOf(shown, t),
  };
}

// Countries that are too small for a shape.
function dotsOf(shown, all, { t, figures, world }) {
  const line = { color: figures.color("card"), width: 1 };
  return {
    type: "scattergeo",
    lon: shown.map(({ code }) => world.places[code][0]),
    lat: shown.map(({ code }) => world.places[code][1]),
    mode: "markers",
    marker: {
      size: 10,
      color: shown.map(({ count }) => Math.log10(count)),
      cmin: 0,
      cmax: Math.log10(mostOf(all)) || 1,
      colorscale: colours(figures),
      line,
    },
    ...textsOf(shown, t),
  };
}

function outline(code, { figures, world }) {
  const line = { color: figures.color("added"), width: 3 };
  if (world.places[code]) {
    const [lon, lat] = world.places[code];
    const marker = { size: 13, color: CLEAR, line };
    return {
      type: "scattergeo",
      lon: [lon],
      lat: [lat],
      mode: "markers",
      marker,
      hoverinfo: "skip",
    };
  }
  return {
    type: "choropleth",
    locations: [code],
    z: [0],
    showscale: false,
    colorscale: [
      [0, CLEAR],
      [1, CLEAR],
    ],
    marker: { line },
    hoverinfo: "skip",
  };
}

function mapLayout(state, place, figures) {
  return figures.layout(Math.min(440, 0.62 * state.width), {
    dragmode: "pan",
    geo: {
      projection: { type: "natural earth", scale: place?.scale ?? 1 },
      center: place?.center ?? { lon: 0, lat: MIDDLE },
      // The whole earth but for Antarctica, where there are no customers.
      lataxis: { range: place ? [-90, 90] : [-57, 84] },
      showland: true,
      landcolor: figures.color("land"),
      showcountries: true,
      countrycolor: figures.color("card"),
      showcoastlines: false,
      showlakes: false,
      showframe: false,
      bgcolor: CLEAR,
    },
  });
}

function spreadOf(row, t) {
  const lines = Object.entries(SHARES).map(([kind, share]) =>
    t.pair(t.nameOf(kind), `${t.exact(row[kind])} (${t.percent(row[share])})`),
  );
  return [`<b>${label(row.customer_market)}</b>`, ...lines].join("<br>");
}

// A scale for logarithms that is labelled with the counts.
function powersOfTen(most, t) {
  const powers = Array.from(
    { length: Math.floor(Math.log10(most)) + 1 },
    (_, power) => 10 ** power,
  );
  const counts = [...powers.filter((power) => Math.log10(most / power) > APART), most];
  return {
    orientation: "h",
    tickvals: counts.map(Math.log10),
    ticktext: counts.map(t.short),
    thickness: 8,
    len: 0.4,
    x: 0,
    xanchor: "left",
    y: 0,
    yanchor: "top",
    outlinewidth: 0,
  };
}

function spreadSentence(rows, kind, t) {
  const found = rows.filter((row) => row[kind]).sort((a, b) => b[kind] - a[kind]);
  if (!found.length) return t("There is no data for this.");
  const [first] = found;
  return t("{kind}: {value} has the most, {count} ({share}), of {values}.", {
    kind: t.nameOf(kind),
    value: first.customer_market,
    count: t.exact(first[kind]),
    share: t.percent(first[SHARES[kind]]),
    values: t.counted(rows.length, t("{count} country / region"), t("{count} countries / regions")),
  });
}

// Of the countries that the map cannot show, which, and how many customers they have.
function unplacedSentence(rows, kind, { t, figures, world }) {
  const placed = new Set(world.objects.countries.geometries.map(({ id }) => id));
  const unplaced = rows
    .filter(({ country_code: code, [kind]: count }) => count && !placed.has(code))
    .filter(({ country_code: code }) => !(code in world.places))
    .sort((a, b) => b[kind] - a[kind]);
  if (!unplaced.length) return "";
  const named = unplaced.slice(0, MOST_NAMED);
  const items = named.map((row) => `${cut(row.customer_market)} (${t.exact(row[kind])})`);
  const more = unplaced.length - named.length;
  if (more) items.push(figures.others(more));
  return t("Not on the map: {items}.", { items: items.join(", ") });
}

// The centre and the zoom at which a country is seen with its neighbours around its largest piece.
function placeOf(world, code) {
  if (world.places[code]) {
    const [lon, lat] = world.places[code];
    return { center: { lon, lat }, scale: AROUND_A_DOT };
  }
  const country = world.objects.countries.geometries.find(({ id }) => id === code);
  if (!country) return null;
  const pieces = country.type === "Polygon" ? [country.arcs] : country.arcs;
  const boxes = pieces.map((rings) => boxOf(world, rings[0]));
  const size = ({ east, west, north, south }) => (east - west) * (north - south);
  const box = boxes.reduce((best, other) => (size(other) > size(best) ? other : best));
  const fill = Math.min(360 / (box.east - box.west), 140 / (box.north - box.south));
  return {
    center: { lon: (box.east + box.west) / 2, lat: (box.north + box.south) / 2 },
    scale: Math.max(1, Math.min(0.4 * fill, 12)),
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
