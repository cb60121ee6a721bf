// Charts of what customers did and what they hold: the bridge, renewals and seats; see charts.js.

import { NOTHING, sumOf, visible } from "./charts.js";
import { groups, labels, tabOf } from "./figures.js";
import { marked } from "./language.js";
import { monthAfter } from "./marks.js";

const PARTS = ["new", "returning", "churned"];
const NOT_EXPORTED = marked("not in these exports");
const MONTHS_AHEAD = 12;
const [ROOM, GAP] = [360, 24]; // pixels

/* New and returning customers stacked by month, churned ones below zero. */
export function bridge(tables, state, { t, figures, mark }) {
  const rows = tables.bridge;
  const months = rows.map(({ month }) => t.month(month));
  const colors = {
    new: figures.color("added"),
    returning: figures.category(3),
    churned: figures.color("churned"),
  };
  const legend = PARTS.map((key) => ({ key, text: t.nameOf(key), color: colors[key] }));
  const seen = visible(legend, state);
  const signed = (row, key) => (row[key] !== null && key === "churned" ? -row[key] : row[key]);
  const columns = seen.map(({ key, text, color }) =>
    figures.monthColumns(
      months,
      rows.map((row) => signed(row, key)),
      text,
      color,
    ),
  );
  const above = rows.map((row) =>
    seen.reduce((sum, { key }) => sum + (key === "churned" ? 0 : row[key]), 0),
  );
  const below = seen.some(({ key }) => key === "churned") ? rows.map(({ churned }) => churned) : [];
  const highest = Math.max(0, ...above, ...below);
  const told = (key) =>
    figures.monthNote(
      months,
      rows.map((row) => row[key]),
      t.nameOf(key),
    );
  const marks = seen.map(({ key }) => rows.map((row) => mark("bridge", row, key)));
  const layout = figures.monthLayout(months, highest, state, { barmode: "relative" });
  return {
    tabs: [],
    legend,
    months,
    plots: [{ data: [told("start"), ...columns, told("end")], layout, marks: [[], ...marks, []] }],
    sentence: bridgeSentence(rows, t),
  };
}

function bridgeSentence(rows, t) {
  const known = rows.filter((row) => row.new !== null);
  if (!known.length) return t(NOTHING);
  const sum = (key) => t.exact(sumOf(known, key));
  return t("From {start} to {end}: {new} new, {returning} returning and {churned} churned.", {
    start: t.counted(known[0].start, t("{count} customer"), t("{count} customers")),
    end: t.exact(known.at(-1).end),
    ...Object.fromEntries(PARTS.map((key) => [key, sum(key)])),
  });
}

/* Subscriptions and their seats by the month of their end, those apart that are known to be without
 * auto-renewal, if there are any; a tab per product. */
export function renewals(tables, state, { t, figures, declared, mark, asOf, told }) {
  const rows = tables.renewals;
  if (!rows.length) return nothing(whyNoEnds(told), t);
  const ends = endsOf(rows, asOf);
  const products = groups(rows, ({ product }) => product);
  const tabs = [
    { key: "", text: t(declared.all) },
    ...[...products.keys()]
      .sort((a, b) => sizeOf(products.get(b)) - sizeOf(products.get(a)))
      .map((key) => ({ key, text: key })),
  ];
  const tab = tabOf(tabs, state);
  const byEnd = groups(tab ? products.get(tab) : rows, ({ month }) => month);
  const shown = ends.map((month) => endOf(month, byEnd.get(month) ?? []));
  const parts = endParts(rows, figures).map((part) => ({ ...part, text: t.nameOf(part.key) }));
  const seen = visible(parts, state);
  const months = ends.map(t.month);
  const data = seen.map(({ key, text, color }) =>
    figures.monthColumns(
      months,
      shown.map((row) => row[key]),
      text,
      color,
    ),
  );
  const open = { ...(tab ? { product: tab } : {}) };
  const marksOf = (key) => shown.map((row) => mark("renewals", { ...row, ...open }, key));
  const most = Math.max(0, ...shown.map((row) => seen.reduce((n, { key }) => n + row[key], 0)));
  const hasSeats = rows.some(({ seats }) => seats !== null);
  const own = { ...state, period: null, width: hasSeats ? besideWidth(state.width) : state.width };
  const layout = endLayout(months, most, own, figures);
  const marks = seen.map(({ key }) => marksOf(key));
  const plots = [{ data, layout, marks, title: t.nameOf("subscriptions") }];
  if (hasSeats)
    plots.push({ ...seatsPlot(shown, months, own, { figures, t }), marks: [marksOf("seats")] });
  const legend = parts.length > 1 ? parts : [];
  return { tabs, tab, legend, plots, sentence: endSentence(shown, told, t) };
}

function whyNoEnds({ ids, ends }) {
  if (!ids)
    return marked(
      "Ids of subscriptions, by which their ends are counted, are not in these exports.",
    );
  return ends ? NOTHING : marked("Ends of terms are not in these exports.");
}

// Tables tell of which subscriptions auto-renewal is off; of the others it may be on or not told.
function endParts(rows, figures) {
  const [accent, off] = [figures.color("accent"), figures.color("churned")];
  if (!sumOf(rows, "without_auto_renew")) return [{ key: "subscriptions", color: accent }];
  return [
    { key: "auto_renew_on_or_unknown", color: accent },
    { key: "without_auto_renew", color: off },
  ];
}

// The ends are few, and each is named, however narrow the chart is.
function endLayout(months, most, state, figures) {
  const layout = figures.monthLayout(months, most, state, { barmode: "stack" });
  layout.xaxis.dtick = 1;
  return layout;
}

function nothing(sentence, t) {
  return { tabs: [], legend: [], plots: [], sentence: t(sentence) };
}

function sizeOf(rows) {
  return sumOf(rows, "subscriptions");
}

// What has ended, each month from the first to the last, and what ends later.
function endsOf(rows, asOf) {
  const found = new Set(rows.map(({ month }) => month));
  const known = [...found].filter((month) => month.includes("-")).sort();
  const first = asOf?.slice(0, 7) ?? known[0];
  const count = asOf ? MONTHS_AHEAD : known.length && monthsBetween(first, known.at(-1)) + 1;
  const between = Array.from({ length: count }, (_, i) => monthAfter(first, i));
  const isThere = (name) => found.has(name);
  return [...["past"].filter(isThere), ...between, ...["later"].filter(isThere)];
}

function monthsBetween(first, last) {
  const [a, b] = [first, last].map((month) => month.split("-").map(Number));
  return 12 * (b[0] - a[0]) + b[1] - a[1];
}

function endOf(month, rows) {
  const [subscriptions, without] = ["subscriptions", "without_auto_renew"].map((name) =>
    sumOf(rows, name),
  );
  const known = rows.filter(({ seats }) => seats !== null);
  return {
    month,
    subscriptions,
    auto_renew_on_or_unknown: subscriptions - without,
    without_auto_renew: without,
    seats: known.length || !rows.length ? sumOf(known, "seats") : null,
  };
}

// Of two charts that stand side by side where there is room, as style/charts.css has it.
function besideWidth(width) {
  return width < 2 * ROOM + GAP ? width : (width - GAP) / 2;
}

function seatsPlot(shown, months, state, { figures, t }) {
  const seats = shown.map((row) => row.seats);
  const data = [figures.monthColumns(months, seats, t.nameOf("seats"), figures.category(3))];
  const layout = endLayout(months, Math.max(0, ...seats), state, figures);
  return { data, layout, title: t.nameOf("seats") };
}

function endSentence(shown, told, t) {
  const total = sumOf(shown, "subscriptions");
  const ahead = shown.filter(({ month }) => month.includes("-")).slice(0, 3);
  const values = {
    ends: t.exact(sumOf(ahead, "subscriptions")),
    without: t.exact(sumOf(ahead, "without_auto_renew")),
    count: t.counted(total, t("{count} subscription"), t("{count} subscriptions")),
  };
  const sentence =
    told.renews === false
      ? marked(
          "{ends} of {count} end in the first three months shown. Auto-renewal is not in these exports.",
        )
      : marked(
          "{ends} of {count} end in the first three months shown. Known to be without auto-renewal: {without}.",
        );
  return t(sentence, values);
}

/* Seats of each product: assigned, idle, and those of which nobody told which they are. */
export function seats(tables, state, { t, figures, told, mark }) {
  const rows = tables.seats.map((row) => ({ ...row, assignment_unknown: untold(row) }));
  if (!rows.length)
    return nothing(told.seats ? NOTHING : marked("Seats are not in these exports."), t);
  const legend = [
    { key: "assigned_seats", color: figures.color("accent") },
    { key: "idle_seats", color: figures.color("churned") },
    { key: "assignment_unknown", color: figures.color("others") },
  ]
    .filter(({ key }) => rows.some((row) => row[key]))
    .map((entry) => ({ ...entry, text: t.nameOf(entry.key) }));
  const names = labels(
    rows.map(({ product }) => product),
    state.narrow ? 16 : undefined,
  );
  const hovers = rows.map((row, i) => seatsHover(names[i], row, t));
  const seen = visible(legend, state);
  const data = seen.map(({ key, text, color }) => ({
    type: "bar",
    orientation: "h",
    name: text,
    y: names,
    x: rows.map((row) => row[key]),
    marker: { ...figures.filled(color), line: { color: figures.color("card"), width: 1 } },
    hovertext: hovers,
    hovertemplate: "%{hovertext}<extra></extra>",
  }));
  const marks = seen.map(({ key }) => rows.map((row) => mark("seats", row, key)));
  const most = Math.max(0, ...rows.map((row) => Math.max(row.seats, row.assigned_seats)));
  return {
    tabs: [],
    legend,
    plots: [{ data, layout: seatsLayout(names, most, state, figures), marks }],
    sentence: idleSentence(rows, t),
  };
}

// Seats of subscriptions that have no number of assigned ones.
function untold({ seats: sold, assigned_seats: assigned, idle_seats: idle }) {
  return Math.max(0, sold - assigned - idle);
}

function seatsHover(name, row, t) {
  const unknown = row.assignment_unknown && row.idle_seats !== null ? ["assignment_unknown"] : [];
  const lines = ["seats", "assigned_seats", "idle_seats", ...unknown].map((key) =>
    t.pair(t.nameOf(key), row[key] === null ? t(NOT_EXPORTED) : t.exact(row[key])),
  );
  return [name, ...lines].join("<br>");
}

// As many numbers stand below the bars as have room there.
function seatsLayout(names, most, { width }, figures) {
  const left = figures.widest(names) + 12;
  const number = figures.widest([figures.t.exact(most)]);
  const right = Math.max(16, number / 2);
  const nticks = Math.max(2, Math.min(6, Math.floor((width - left - right) / (1.5 * number + 8))));
  return figures.layout(64 + 40 * Math.max(names.length, 2), {
    barmode: "relative",
    bargap: 0.4,
    margin: { l: left, r: right, t: 8, b: 32 },
    xaxis: figures.axis({ rangemode: "tozero", tickformat: ",d", tickangle: 0, nticks }),
    yaxis: figures.axis({ type: "category", autorange: "reversed", showgrid: false }),
  });
}

function idleSentence(rows, t) {
  const counted = (count) => t.counted(count, t("{count} seat"), t("{count} seats"));
  const known = rows.filter(({ idle_seats: idle }) => idle !== null);
  if (!known.length) {
    return t("{count} sold; how many of them are assigned is not in these exports.", {
      count: counted(sumOf(rows, "seats")),
    });
  }
  const idle = sumOf(known, "idle_seats");
  const count = idle + sumOf(known, "assigned_seats");
  const said = t("Idle are {idle} of {count} ({share}).", {
    idle: t.exact(idle),
    count: counted(count),
    share: t.percent(count ? (100 * idle) / count : null),
  });
  const unknown = sumOf(rows, "assignment_unknown");
  if (!unknown) return said;
  const more = t("Of another {count} it is not known how many are assigned.", {
    count: counted(unknown),
  });
  return `${said} ${more}`;
}
