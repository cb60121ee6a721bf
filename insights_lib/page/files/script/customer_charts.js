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
  return t(
    "From {start} customers to {end}: {new} new, {returning} returning and {churned} churned.",
    {
      start: t.exact(known[0].start),
      end: t.exact(known.at(-1).end),
      ...Object.fromEntries(PARTS.map((key) => [key, sum(key)])),
    },
  );
}

/* Subscriptions and their seats by the month of their end, those without auto-renewal apart; a tab
 * per product. */
export function renewals(tables, state, { t, figures, declared, mark, asOf, told }) {
  const rows = tables.renewals;
  if (!rows.length)
    return nothing(told.ends ? NOTHING : marked("Ends of terms are not in these exports."), t);
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
  const legend = [
    { key: "with_auto_renew", color: figures.color("accent") },
    { key: "without_auto_renew", color: figures.color("churned") },
  ].map((entry) => ({ ...entry, text: t.nameOf(entry.key) }));
  const seen = visible(legend, state);
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
  const marks = seen.map(({ key }) =>
    shown.map((row) => mark("renewals", { ...row, ...open }, key)),
  );
  const most = Math.max(0, ...shown.map((row) => seen.reduce((n, { key }) => n + row[key], 0)));
  const hasSeats = rows.some(({ seats }) => seats !== null);
  const own = { ...state, period: null, width: hasSeats ? besideWidth(state.width) : state.width };
  const layout = figures.monthLayout(months, most, own, { barmode: "stack" });
  const plots = [{ data, layout, marks, title: t.nameOf("subscriptions") }];
  if (hasSeats) plots.push(seatsPlot(shown, months, own, { figures, t }));
  return {
    tabs,
    tab,
    legend,
    plots,
    sentence: endSentence(shown, tab, t),
  };
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
    with_auto_renew: subscriptions - without,
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
  const layout = figures.monthLayout(months, Math.max(0, ...seats), state);
  return { data, layout, title: t.nameOf("seats") };
}

function endSentence(shown, product, t) {
  const total = sumOf(shown, "subscriptions");
  const ahead = shown.filter(({ month }) => month.includes("-")).slice(0, 3);
  const values = {
    ends: t.exact(sumOf(ahead, "subscriptions")),
    without: t.exact(sumOf(ahead, "without_auto_renew")),
    count: t.counted(total, t("{count} subscription"), t("{count} subscriptions")),
  };
  return t(
    "{ends} of {count} end in the first three months shown, {without} of them without auto-renewal.",
    values,
  );
}

/* Seats of each product, assigned and idle. */
export function seats(tables, state, { t, figures, told }) {
  const rows = tables.seats;
  if (!rows.length)
    return nothing(told.seats ? NOTHING : marked("Seats are not in these exports."), t);
  const legend = [
    { key: "assigned_seats", color: figures.color("accent") },
    { key: "idle_seats", color: figures.color("churned") },
    // Where nobody told how many of them are assigned.
    { key: "seats", color: figures.color("others") },
  ].map((entry) => ({ ...entry, text: t.nameOf(entry.key) }));
  const isWhole = ({ assigned_seats: assigned }) => assigned === null;
  if (!rows.some(isWhole)) legend.pop();
  const names = labels(
    rows.map(({ product }) => product),
    state.narrow ? 16 : undefined,
  );
  const hovers = rows.map((row, i) =>
    [
      names[i],
      ...["seats", "assigned_seats", "idle_seats"].map((key) =>
        t.pair(t.nameOf(key), row[key] === null ? t(NOT_EXPORTED) : t.exact(row[key])),
      ),
    ].join("<br>"),
  );
  const data = visible(legend, state).map(({ key, text, color }) => ({
    type: "bar",
    orientation: "h",
    name: text,
    y: names,
    x: rows.map((row) => (key !== "seats" || isWhole(row) ? row[key] : null)),
    marker: { ...figures.filled(color), line: { color: figures.color("card"), width: 1 } },
    hovertext: hovers,
    hovertemplate: "%{hovertext}<extra></extra>",
  }));
  return {
    tabs: [],
    legend,
    plots: [{ data, layout: seatsLayout(names, figures) }],
    sentence: idleSentence(rows, t),
  };
}

function seatsLayout(names, figures) {
  return figures.layout(64 + 40 * Math.max(names.length, 2), {
    barmode: "relative",
    bargap: 0.4,
    margin: { l: figures.widest(names) + 12, r: 16, t: 8, b: 32 },
    xaxis: figures.axis({ rangemode: "tozero", tickformat: ",d", tickangle: 0, nticks: 5 }),
    yaxis: figures.axis({ type: "category", autorange: "reversed", showgrid: false }),
  });
}

function idleSentence(rows, t) {
  const known = rows.filter(({ idle_seats: idle }) => idle !== null);
  const sold = sumOf(rows, "seats");
  if (!known.length) {
    const reason = t(NOT_EXPORTED);
    return t("{count} sold; how many of them are assigned is {reason}.", {
      count: t.counted(sold, t("{count} seat"), t("{count} seats")),
      reason,
    });
  }
  const idle = sumOf(known, "idle_seats");
  const share = sold ? (100 * idle) / sold : null;
  return t("Idle are {idle} of {count} ({share}).", {
    idle: t.exact(idle),
    count: t.counted(sold, t("{count} seat"), t("{count} seats")),
    share: t.percent(share),
  });
}
