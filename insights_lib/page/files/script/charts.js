// The charts: tables and the reader's choices in, what to draw and to say out. They count nothing.
//
// Each function takes the tables, a state {tab, hidden, period, chosen, narrow, width} and the
// report's {t, figures, declared, mark}, and gives {tabs, tab, legend, plots, sentence, months,
// offers, under}: tabs as {key, text} and the one in force, legend entries as {key, text, color}, plots as
// {data, layout, keys, marks} for plotly. keys are what a click on each point of a trace chooses; marks are
// what a click on each point of each trace opens, see marks.js; offers are marks of what is chosen.

import { groups, tabOf } from "./figures.js";
import { marked } from "./language.js";

export const NOTHING = marked("There is no data for this.");

// The key of values that are drawn together; no value has it.
export const OTHERS = "\u0000others";

export function visible(entries, state) {
  return entries.filter(({ key }) => !state.hidden.has(key));
}

export function sumOf(rows, column) {
  return rows.reduce((sum, row) => sum + row[column], 0);
}

/* Existing and added customers stacked by month, churned ones below zero; a tab per product. */
export function addsAndChurns(tables, state, { t, figures, declared, mark }) {
  const rows = tables.adds_and_churns;
  const months = tables.summary_trend.map(({ month }) => t.month(month));
  // The months of a product stand together, those of all products first: a product may be called
  // like them.
  const [total, ...products] = Array.from({ length: rows.length / months.length }, (_, i) =>
    rows.slice(i * months.length, (i + 1) * months.length),
  );
  const size = (block) => sumOf(block, "existing") + sumOf(block, "added");
  products.sort((a, b) => size(b) - size(a));
  const tabs = [
    { key: "", text: t(declared.all) },
    ...products.map(([{ product }]) => ({ key: product, text: product })),
  ];
  const tab = tabOf(tabs, state);
  const shown = tab ? products.find(([{ product }]) => product === tab) : total;
  const legend = ["existing", "added", "churned"].map((key) => ({
    key,
    text: t.nameOf(key),
    color: figures.color(key),
  }));
  const seen = visible(legend, state);
  const isBelow = ({ key }) => key === "churned";
  const stack = (row, keys) => keys.reduce((sum, { key }) => sum + row[key], 0);
  const above = seen.filter((entry) => !isBelow(entry));
  const below = seen.filter(isBelow);
  const highest = Math.max(0, ...shown.flatMap((row) => [stack(row, above), stack(row, below)]));
  const data = seen.map((entry) => {
    const counts = shown.map((row) => row[entry.key]);
    const signed = counts.map((n) => (n !== null && isBelow(entry) ? -n : n));
    return figures.monthColumns(months, signed, entry.text, entry.color);
  });
  const layout = figures.monthLayout(months, highest, state, { barmode: "relative" });
  const marks = seen.map(({ key }) => shown.map((row) => mark("adds_and_churns", row, key)));
  const plots = [{ data, layout, marks }];
  const isStacked = !state.hidden.has("existing");
  const choice = isStacked
    ? { text: t("Added and churned alone"), state: { hidden: new Set(["existing"]) } }
    : { text: t("Stack on existing customers"), state: { hidden: new Set() } };
  return { tabs, tab, legend, months, plots, choice, sentence: flowSentence(shown, t) };
}

function flowSentence(rows, t) {
  const known = rows.filter(({ existing }) => existing !== null);
  if (!known.length) return t(NOTHING);
  const sums = { added: t.exact(sumOf(known, "added")), churned: t.exact(sumOf(known, "churned")) };
  if (!sumOf(known, "added")) return t("Added: {added}; churned: {churned}.", sums);
  const most = known.reduce((best, row) => (row.added > best.added ? row : best));
  return t("Added: {added}; churned: {churned}; the most were added in {month}, {count}.", {
    ...sums,
    month: t.month(most.month),
    count: t.exact(most.added),
  });
}

/* Current customers by the values of a dimension, the largest ones, each with its months as a small
 * area; a tab per dimension. */
export function distribution(tables, state, { t, figures, declared, mark }) {
  const dimensions = groups(tables.distribution, ({ dimension }) => dimension);
  const tabs = [...dimensions.keys()].map((key) => ({ key, text: t.nameOf(key) }));
  const tab = tabOf(tabs, state);
  const rows = (dimensions.get(tab) ?? []).map((row) => ({ ...row, text: row.value }));
  const shown = rows.slice(0, declared.tables.distribution.values_shown);
  const bars = figures.horizontalBars(shown, figures.color("accent"), state);
  bars.marks = [shown.map((row) => mark("distribution", row, "customers"))];
  const own = tables.distribution_trend.filter(({ dimension }) => dimension === tab);
  const series = new Map(
    seriesOf(own, tables.summary_trend, t).map(({ key, counts }) => [key, counts]),
  );
  const trends = shown.map(({ value }) => series.get(value) ?? []);
  const months = tables.summary_trend.map(({ month }) => month);
  if (months.length > 1) {
    const between = t.range(months[0], months.at(-1));
    figures.addTrends(bars, trends, { months: between, narrow: state.narrow });
  }
  return { tabs, tab, plots: [bars], sentence: leadSentence(rows, t) };
}

export function leadSentence(rows, t) {
  const [first] = rows;
  if (!first?.customers) return t(NOTHING);
  return t("{value} has the most customers, {count} ({share}), of {values}.", {
    value: first.text,
    count: t.exact(first.customers),
    share: t.percent(first.share_pct),
    values: t.counted(rows.length, t("{count} value"), t("{count} values")),
  });
}

/* Current customers stacked by month and value, small values together; a tab per dimension. */
export function distributionTrend(tables, state, { t, figures, declared, mark }) {
  const most = declared.tables.distribution_trend.values_shown;
  const dimensions = groups(tables.distribution_trend, ({ dimension }) => dimension);
  const tabs = [...dimensions.keys()].map((key) => ({ key, text: t.nameOf(key) }));
  const tab = tabOf(tabs, state);
  const trend = tables.summary_trend;
  const series = seriesOf(dimensions.get(tab) ?? [], trend, t);
  const isKnown = ({ key }) => key !== declared.not_told;
  const known = series.filter(isKnown);
  const entries = known
    .slice(0, most)
    .map((one, i) => ({ ...one, text: one.key, color: figures.category(i) }));
  for (const one of series)
    if (!isKnown(one)) entries.push({ ...one, text: one.key, color: figures.color("quiet") });
  const rest = known.slice(most);
  const apart = entries.map(({ key }) => key);
  if (rest.length) {
    const counts = trend.map((_, i) =>
      rest.reduce((sum, one) => (one.counts[i] === null ? null : sum + one.counts[i]), 0),
    );
    const text = figures.others(rest.length);
    const color = figures.color("others");
    entries.push({ key: OTHERS, text, counts, color });
  }
  const months = trend.map(({ month }) => t.month(month));
  const seen = visible(entries, state);
  const stacks = months.map((_, i) => seen.reduce((sum, { counts }) => sum + counts[i], 0));
  const data = seen.map(({ counts, text, color }) =>
    figures.monthColumns(months, counts, text, color),
  );
  const layout = figures.monthLayout(months, Math.max(0, ...stacks), state, { barmode: "stack" });
  const sentence = trendSentence(series, trend, t);
  const marks = seen.map(({ key, counts }) =>
    counts.map((customers, i) => {
      const held = key === OTHERS ? { apart } : { value: key };
      const row = { dimension: tab, month: trend[i].month, customers, ...held };
      return mark("distribution_trend", row, "customers");
    }),
  );
  return { tabs, tab, legend: entries, months, plots: [{ data, layout, marks }], sentence };
}

// The counts of each value by month, null in a month that is not covered; the largest value first.
function seriesOf(rows, trend, t) {
  const places = new Map(trend.map(({ month }, i) => [month, i]));
  const series = [...groups(rows, ({ value }) => value)].map(([key, own]) => {
    const counts = trend.map(({ current_customers: current }) => (current === null ? null : 0));
    for (const { month, customers } of own) counts[places.get(month)] = customers;
    return { key, counts, sum: counts.reduce((total, count) => total + count, 0) };
  });
  return series.sort((a, b) => b.sum - a.sum || t.compare(a.key, b.key));
}

function trendSentence(series, trend, t) {
  if (!series.length) return t(NOTHING);
  const isCovered = ({ current_customers: current }) => current !== null;
  const [first, last] = [trend.findIndex(isCovered), trend.findLastIndex(isCovered)];
  const lead = series.reduce((best, one) => (one.counts[last] > best.counts[last] ? one : best));
  return t("{value} has the most customers in {last}, {count}; in {first} it had {before}.", {
    value: lead.key,
    last: t.month(trend[last].month),
    count: t.exact(lead.counts[last]),
    first: t.month(trend[first].month),
    before: t.exact(lead.counts[first]),
  });
}

/* Columns of active customers by month, and a line of all customers. */
export function activeCustomers(tables, state, { t, figures, mark }) {
  const rows = tables.active_customers;
  const months = rows.map(({ month }) => t.month(month));
  const legend = [
    { key: "active_customers", color: figures.color("accent") },
    { key: "current_customers", color: figures.color("quiet") },
  ].map((entry) => ({ ...entry, text: t.nameOf(entry.key) }));
  const data = visible(legend, state).map(({ key, text, color }) => {
    const counts = rows.map((row) => row[key]);
    const trace = figures.monthColumns(months, counts, text, color);
    const line = { type: "scatter", mode: "lines+markers", line: { color, width: 2 } };
    return key === "active_customers" ? trace : { ...trace, ...line, marker: { color } };
  });
  const highest = Math.max(0, ...data.flatMap(({ y }) => y));
  const layout = figures.monthLayout(months, highest, state);
  const marks = visible(legend, state).map(({ key }) =>
    rows.map((row) => mark("active_customers", row, key)),
  );
  const plots = [{ data, layout, marks }];
  return { tabs: [], legend, months, plots, sentence: activeSentence(rows, t) };
}

function activeSentence(rows, t) {
  const last = rows.findLast(({ active_customers: active }) => active !== null);
  if (!last) return t(NOTHING);
  const { active_customers: active, current_customers: current } = last;
  return t("In {month}, {active} of {current} customers were active ({share}).", {
    month: t.month(last.month),
    active: t.exact(active),
    current: t.exact(current),
    share: t.percent(current ? (100 * active) / current : null),
  });
}

/* A figure of a notebook of which this page knows no more than that. */
export function fixedFigure({ data, layout }) {
  const height = layout.height ?? 420;
  return () => ({
    tabs: [],
    legend: [],
    plots: [{ data, layout: { ...layout, height } }],
    sentence: "",
  });
}
