// What charts are made of: colours of the theme, safe labels, layouts, columns and bars for plotly.

import { cut } from "./dom.js";

const LONGEST_LABEL = 40;
const SHORTEST_LABEL = 10;
const FONT = '"Segoe UI", system-ui, -apple-system, "Helvetica Neue", Arial, sans-serif';
const SIZE = 13;
const TURNING = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff]/;

// What differs by its fill, where the system's few colours stand for those of the page.
const PATTERNS = {
  "category-1": "",
  "category-2": "/",
  "category-3": "-",
  "category-4": ".",
  "category-5": "x",
  "category-6": "|",
  "category-7": "\\",
  "category-8": "+",
  "category-9": "-",
  "category-10": "/",
  churned: "x",
  others: ".",
};

// The tab that is chosen; the first one where the chosen one is no longer there.
export function tabOf(tabs, state) {
  return tabs.some(({ key }) => key === state.tab) ? state.tab : tabs[0]?.key;
}

// Rows by what keyOf says of each, in the order in which it says so.
export function groups(rows, keyOf) {
  const found = new Map();
  for (const row of rows) {
    const key = keyOf(row);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(row);
  }
  return found;
}

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

// A text whose middle is left out where it is long: names of plans differ in their ends.
export function cutInside(text, most) {
  const characters = Array.from(text);
  if (characters.length <= most) return text;
  const end = Math.ceil(0.6 * (most - 1));
  return `${characters.slice(0, most - 1 - end).join("")}…${characters.slice(-end).join("")}`;
}

// Labels that differ where the texts do, though they have been cut.
export function labels(texts, most = LONGEST_LABEL) {
  const seen = new Map();
  return texts.map((text) => {
    const made = label(cutInside(text, most), most);
    seen.set(made, (seen.get(made) ?? 0) + 1);
    return seen.get(made) > 1 ? `${made} (${seen.get(made)})` : made;
  });
}

/* Figures in a language and in one of two palettes: colours by name, for "light" and "dark". */
export class Figures {
  constructor(t, palettes) {
    Object.assign(this, { t, palettes, theme: "light" });
    this.forced = window.matchMedia("(forced-colors: active)");
    this.canvas = document.createElement("canvas").getContext("2d");
  }

  color(name) {
    return this.palettes[this.theme][name];
  }

  // The colour of the i-th category.
  category(i) {
    return this.color(`category-${i + 1}`) ?? this.color("others");
  }

  // The shape that plotly fills an area of a colour with, in forced colours; else none.
  shape(fill) {
    const isIt = (name) => this.color(name) === fill;
    return this.forced.matches ? (PATTERNS[Object.keys(PATTERNS).find(isIt)] ?? "") : "";
  }

  // What fills the areas of a trace.
  filled(color) {
    if (!this.forced.matches) return { color };
    const [shape, fgcolor] = [this.shape(color), this.color("card")];
    return { color, pattern: { shape, fgcolor, fillmode: "overlay" } };
  }

  // The patterns of a pie, which takes its fills from them, too.
  sliced(fills) {
    if (!this.forced.matches) return {};
    const card = fills.map(() => this.color("card"));
    return { shape: fills.map((fill) => this.shape(fill)), fgcolor: card, bgcolor: fills };
  }

  layout(height, options = {}) {
    const font = { family: FONT, size: SIZE, color: this.color("ink") };
    const hover = { bgcolor: this.color("card"), bordercolor: this.color("quiet") };
    return {
      height,
      font,
      separators: this.t.separators,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 8, r: 8, t: 8, b: 8 },
      showlegend: false,
      hoverlabel: { ...hover, font, align: "left" },
      dragmode: false,
      ...options,
    };
  }

  axis(options) {
    const line = this.color("hairline");
    const quiet = { gridcolor: line, linecolor: line, zerolinecolor: line };
    return { ...quiet, fixedrange: true, ...options };
  }

  // How many pixels the longest of some texts takes. Plotly can find out by itself (automargin),
  // but draws a chart several times over for it.
  widest(texts) {
    this.canvas.font = `${SIZE}px ${FONT}`;
    return Math.ceil(Math.max(0, ...texts.map((text) => this.canvas.measureText(text).width)));
  }

  // Of columns by month, the highest of which counts `most`; state.period is the first and the
  // last month to show, as places in the range.
  monthLayout(months, most, { period, narrow, width }, options = {}) {
    const [first, last] = period ?? [0, months.length - 1];
    const shown = last - first + 1;
    const upright = shown * (this.widest(months) + 8) > width - 64;
    const below = upright ? this.widest(months) + 16 : 32;
    const counts = [this.t.exact(most), this.t.exact(-most)];
    return this.layout(328 + below, {
      hovermode: "x unified",
      bargap: 0.25,
      margin: { l: this.widest(counts) + 12, r: 8, t: 8, b: below },
      xaxis: this.axis({
        type: "category",
        showgrid: false,
        range: [first - 0.5, last + 0.5],
        tickangle: upright ? -90 : 0,
        dtick: Math.ceil(shown / (narrow ? 12 : 36)),
      }),
      yaxis: this.axis({ rangemode: "tozero", tickformat: ",d", dtick: most < 6 ? 1 : null }),
      ...options,
    });
  }

  // A column for each month. Below zero it still tells how many there are.
  monthColumns(months, counts, name, fill) {
    return {
      type: "bar",
      x: months,
      y: counts,
      name: label(name),
      marker: { ...this.filled(fill), line: { color: this.color("card"), width: 1 } },
      customdata: counts.map((count) => this.t.exact(count === null ? null : Math.abs(count))),
      hovertemplate: `${this.t.pair("%{fullData.name}", "%{customdata}")}<extra></extra>`,
    };
  }

  // The columns of some months as such that may still change.
  hatched(trace, isHatched) {
    if (trace.type !== "bar" || !isHatched.some(Boolean)) return trace;
    const own = trace.marker.pattern?.shape ?? "";
    const shape = isHatched.map((hatched) => (hatched ? "/" : own));
    const pattern = { shape, size: 6, solidity: 0.45, fgcolor: trace.marker.color };
    return { ...trace, marker: { ...trace.marker, pattern: { ...pattern, fillmode: "replace" } } };
  }

  // What stands in a chart by month in place of a column that is not known.
  band(i) {
    return {
      type: "rect",
      layer: "below",
      yref: "paper",
      ...{ x0: i - 0.5, x1: i + 0.5, y0: 0, y1: 1 },
      fillcolor: this.color("hairline"),
      opacity: 0.5,
      line: { width: 0 },
    };
  }

  // A number that the hover of each month tells, and that is not drawn.
  monthNote(months, counts, name) {
    return {
      type: "scatter",
      mode: "markers",
      x: months,
      y: counts.map((count) => (count === null ? null : 0)),
      name: label(name),
      marker: { color: this.color("quiet"), opacity: 0 },
      customdata: counts.map((count) => this.t.exact(count)),
      hovertemplate: `${this.t.pair("%{fullData.name}", "%{customdata}")}<extra></extra>`,
    };
  }

  // The texts as labels that take at most so many pixels.
  labelsWithin(texts, room) {
    let most = LONGEST_LABEL;
    while (most > SHORTEST_LABEL && this.widest(labels(texts, most)) > room) most -= 2;
    return labels(texts, most);
  }

  // A horizontal bar for each row {text, customers, share_pct}, the first on top; fills by row. Where
  // it is narrow, names stand above the bars, which then have the whole width.
  horizontalBars(rows, fills, { narrow, width }) {
    const texts = rows.map(({ text }) => text);
    const names = narrow ? this.labelsWithin(texts, 0.8 * width) : labels(texts);
    const data = {
      ...(narrow && { offset: 0.05, width: 0.35 }),
      type: "bar",
      orientation: "h",
      y: names,
      x: rows.map(({ customers }) => customers),
      text: rows.map(({ customers }) => this.t.short(customers)),
      textposition: "outside",
      cliponaxis: false,
      marker: { color: fills },
      hovertext: rows.map((row, i) => this.hover(names[i], row)),
      hovertemplate: "%{hovertext}<extra></extra>",
    };
    const layout = this.layout(48 + (narrow ? 40 : 34) * Math.max(rows.length, 3), {
      bargap: 0.35,
      margin: { l: narrow ? 1 : this.widest(names) + 12, r: 56, t: 8, b: 8 },
      xaxis: this.axis({ visible: false, rangemode: "tozero" }),
      yaxis: this.axis({
        type: "category",
        autorange: "reversed",
        showgrid: false,
        ticklabelposition: narrow ? "inside top" : "outside",
        tickfont: { color: this.color("ink") }, // those inside have a colour of their own otherwise
      }),
    });
    return { data: [data], layout };
  }

  // Beside horizontal bars the months of each as a small area, from zero to its own most.
  addTrends({ data, layout }, trends, { months, narrow }) {
    const outline = (counts, i) => {
      const most = Math.max(...counts) || 1;
      const points = counts.flatMap((count, x) =>
        count === null ? [] : [[x, i + 0.3 - (0.6 * count) / most]],
      );
      if (!points.length) return [];
      const base = i + 0.3;
      return [[points[0][0], base], ...points, [points.at(-1)[0], base], [null, null]];
    };
    const all = trends.flatMap(outline);
    data.push({
      type: "scatter",
      mode: "lines",
      x: all.map(([x]) => x),
      y: all.map(([, y]) => y),
      xaxis: "x2",
      yaxis: "y2",
      fill: "toself",
      fillcolor: this.color("pale"),
      line: { color: this.color("accent"), width: 1.5 },
      hoverinfo: "skip",
    });
    layout.margin.t = 26;
    layout.height += 18;
    layout.margin.r = 8;
    layout.xaxis.domain = [0, narrow ? 0.6 : 0.74];
    layout.xaxis2 = this.axis({ visible: false, domain: [0.84, 1], anchor: "y2" });
    layout.yaxis2 = this.axis({
      visible: false,
      range: [Math.max(trends.length, 1) - 0.5, -0.5],
      anchor: "x2",
    });
    const small = { size: 11, color: this.color("quiet") };
    const place = { x: 1, xanchor: "right", xref: "paper", y: 1, yanchor: "bottom", yref: "paper" };
    layout.annotations = [{ ...place, text: months, showarrow: false, font: small }];
  }

  hover(name, { customers, share_pct }) {
    const { t } = this;
    return `${name}<br>${t.pair(t("Customers"), `${t.exact(customers)} (${t.percent(share_pct)})`)}`;
  }

  // What stands for values that are not shown one by one.
  others(count) {
    return this.t.counted(count, this.t("{count} other"), this.t("{count} others"));
  }
}
