// What the charts are made of: colours of the theme, safe labels, layouts and bars for plotly.

import { cut } from "./dom.js";
import { exact, percent, separators, short, words } from "./language.js";

export const MOST_VALUES = 10; // that a chart shows one by one; a table shows all
const LONGEST_LABEL = 40;
const NARROW_LABEL = 22;
const FONT = '"Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, sans-serif';
const SIZE = 13;
const canvas = globalThis.document?.createElement("canvas").getContext("2d");

const colors = new Map();

// A colour of the theme that is in force, by its name in insights_lib/theme.py.
export function color(name) {
  const theme = `${document.documentElement.dataset.theme} ${name}`;
  if (!colors.has(theme)) {
    const style = getComputedStyle(document.documentElement);
    colors.set(theme, style.getPropertyValue(`--${name}`).trim());
  }
  return colors.get(theme);
}

// The colour of the i-th category; the last one is for all others together.
export function categoryColor(i) {
  return color(i < MOST_VALUES ? `category-${i + 1}` : "others");
}

const TURNING = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff]/;

// A text from data as plotly shows it as it is: plotly reads a little HTML in every label, and looks
// labels up in objects, where "constructor" is always found. Text that turns the direction of
// writing is kept from turning what stands beside it.
export function label(text, most = LONGEST_LABEL) {
  const safe = cut(text, most)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
  return TURNING.test(safe) || safe in {} ? `\u2068${safe}\u2069` : safe;
}

// Labels that differ where the texts do, though they have been cut.
export function labels(texts, most = LONGEST_LABEL) {
  const seen = new Map();
  return texts.map((text) => {
    const made = label(text, most);
    seen.set(made, (seen.get(made) ?? 0) + 1);
    return seen.get(made) > 1 ? `${made} (${seen.get(made)})` : made;
  });
}

export function layout(height, options = {}) {
  const font = { family: FONT, size: SIZE, color: color("ink") };
  return {
    height,
    font,
    separators: separators(),
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 8, r: 8, t: 8, b: 8 },
    showlegend: false,
    hoverlabel: { bgcolor: color("card"), bordercolor: color("quiet"), font, align: "left" },
    dragmode: false,
    ...options,
  };
}

function axis(options) {
  const line = color("hairline");
  const quiet = { gridcolor: line, linecolor: line, zerolinecolor: line };
  return { ...quiet, fixedrange: true, ...options };
}

// How many pixels the longest of some texts takes. Plotly can find out by itself (automargin), but
// draws a chart several times over for it.
function widest(texts) {
  canvas.font = `${SIZE}px ${FONT}`;
  return Math.ceil(Math.max(0, ...texts.map((text) => canvas.measureText(text).width)));
}

// Columns by month, the highest of which counts `most`; state.period is the first and the last
// month to show, as places in the range.
export function monthLayout(months, most, { period, narrow, width }, options = {}) {
  const [first, last] = period ?? [0, months.length - 1];
  const shown = last - first + 1;
  const upright = shown * (widest(months) + 8) > width - 64;
  const below = upright ? widest(months) + 16 : 32;
  return layout(328 + below, {
    hovermode: "x unified",
    bargap: 0.25,
    margin: { l: widest([exact(most), exact(-most)]) + 12, r: 8, t: 8, b: below },
    xaxis: axis({
      type: "category",
      showgrid: false,
      range: [first - 0.5, last + 0.5],
      tickangle: upright ? -90 : 0,
      dtick: Math.ceil(shown / (narrow ? 12 : 36)),
    }),
    yaxis: axis({ rangemode: "tozero", tickformat: ",d", dtick: most < 6 ? 1 : null }),
    ...options,
  });
}

// A column for each month. Below zero it still tells how many there are.
export function columns(months, counts, name, fill) {
  return {
    type: "bar",
    x: months,
    y: counts,
    name: label(name),
    marker: { color: fill, line: { color: color("card"), width: 1 } },
    customdata: counts.map((count) => exact(count === null ? null : Math.abs(count))),
    hovertemplate: "%{fullData.name}: %{customdata}<extra></extra>",
  };
}

// A lying bar for each text, the first on top: rows are text, customers, share; fills by row.
export function bars(rows, fills, { narrow }) {
  const texts = rows.map(([text]) => text);
  const names = labels(texts, narrow ? NARROW_LABEL : LONGEST_LABEL);
  const data = {
    type: "bar",
    orientation: "h",
    y: names,
    x: rows.map(([, customers]) => customers),
    text: rows.map(([, customers]) => short(customers)),
    textposition: "outside",
    cliponaxis: false,
    marker: { color: fills },
    hovertext: rows.map((row, i) => hover(names[i], row)),
    hovertemplate: "%{hovertext}<extra></extra>",
  };
  const form = layout(48 + 34 * Math.max(rows.length, 3), {
    bargap: 0.35,
    margin: { l: widest(names) + 12, r: 56, t: 8, b: 8 },
    xaxis: axis({ visible: false, rangemode: "tozero" }),
    yaxis: axis({ type: "category", autorange: "reversed", showgrid: false }),
  });
  return { data: [data], layout: form };
}

export function hover(name, [, customers, share]) {
  return `${name}<br>${words("Customers")}: ${exact(customers)} (${percent(share)})`;
}

export function others(count) {
  return words("{count} others", { count: exact(count) });
}
