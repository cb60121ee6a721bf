// The charts: tables and the reader's choices in, what to draw and to say out. They count nothing.
//
// Each function takes the tables and a state {tab, hidden, period, chosen, narrow, world} and
// gives {tabs, tab, legend, plots, sentence, months}: tabs as {key, text} and the one in force,
// legend entries as {key, text, color}, plots as {data, layout, keys} for plotly, keys being what a
// click on each point chooses.

import {
  bars,
  categoryColor,
  color,
  columns,
  hover,
  labels,
  layout,
  monthLayout,
  MOST_VALUES,
  others,
} from "./figures.js";
import { groups, nothing, tabOf } from "./shaping.js";
import { exact, inOrder, monthName, nameOf, percent, words } from "./language.js";

function visible(entries, state) {
  return entries.filter(({ key }) => !state.hidden.has(key));
}

/* Existing and added customers stacked by month, churned ones below zero; a tab per product. */
export function addsAndChurns(tables, state) {
  const { rows } = tables.adds_and_churns;
  const months = tables.summary_trend.rows.map(([month]) => monthName(month));
  const blocks = Array.from({ length: rows.length / months.length }, (_, i) =>
    rows.slice(i * months.length, (i + 1) * months.length),
  );
  const [total, ...products] = blocks;
  const size = (block) => block.reduce((sum, [, , existing, added]) => sum + existing + added, 0);
  products.sort((a, b) => size(b) - size(a));
  const tabs = [
    { key: "", text: words("All") },
    ...products.map(([[product]]) => ({ key: product, text: product })),
  ];
  const tab = tabOf(tabs, state);
  const shown = tab ? products.find(([[product]]) => product === tab) : total;
  const legend = ["existing", "added", "churned"].map((key) => ({
    key,
    text: nameOf(key),
    color: color(key),
  }));
  const sign = { existing: 1, added: 1, churned: -1 };
  const column = { existing: 2, added: 3, churned: 4 };
  const seen = visible(legend, state);
  const count = (row, keys) => keys.reduce((sum, { key }) => sum + row[column[key]], 0);
  const above = seen.filter(({ key }) => key !== "churned");
  const below = seen.filter(({ key }) => key === "churned");
  const highest = Math.max(0, ...shown.flatMap((row) => [count(row, above), count(row, below)]));
  const data = seen.map(({ key, text, color: fill }) => {
    const counts = shown.map((row) => row[column[key]]);
    return columns(
      months,
      counts.map((n) => (n === null ? null : sign[key] * n)),
      text,
      fill,
    );
  });
  return {
    tabs,
    tab,
    legend,
    months,
    plots: [{ data, layout: monthLayout(months, highest, state, { barmode: "relative" }) }],
    sentence: flowSentence(shown),
  };
}

function flowSentence(rows) {
  const known = rows.filter(([, , existing]) => existing !== null);
  if (!known.length) return nothing();
  const sum = (column) => known.reduce((total, row) => total + row[column], 0);
  const sums = { added: exact(sum(3)), churned: exact(sum(4)) };
  if (!sum(3)) return words("{added} customers added and {churned} churned.", sums);
  const [, month, , count] = known.reduce((best, row) => (row[3] > best[3] ? row : best));
  return words(
    "{added} customers added and {churned} churned; the most were added in {month}, {count}.",
    { ...sums, month: monthName(month), count: exact(count) },
  );
}

/* Current customers by the values of a dimension, the largest ten; a tab per dimension. */
export function distribution(tables, state) {
  const dimensions = groups(tables.distribution.rows, ([dimension]) => dimension);
  const tabs = [...dimensions.keys()].map((key) => ({ key, text: nameOf(key) }));
  const tab = tabOf(tabs, state);
  const rows = (dimensions.get(tab) ?? []).map(([, ...row]) => row);
  const legend = rows
    .slice(0, MOST_VALUES)
    .map(([text], i) => ({ key: text, text, color: categoryColor(i) }));
  const shown = visible(legend, state);
  const top = rows.slice(0, MOST_VALUES).filter(([text]) => !state.hidden.has(text));
  return {
    tabs,
    tab,
    legend,
    plots: [
      bars(
        top,
        shown.map((entry) => entry.color),
        state,
      ),
    ],
    sentence: leadSentence(rows),
  };
}

function leadSentence(rows) {
  if (!rows.length) return nothing();
  const [[value, customers, share]] = rows;
  return words("{value} has the most customers, {count} ({share}), of {values} values.", {
    value,
    count: exact(customers),
    share: percent(share),
    values: exact(rows.length),
  });
}

/* A pie of the products, and beside it the SKUs of the chosen one, or of all. */
export function products(tables, state) {
  const { rows } = tables.products;
  const whole = rows
    .filter(([, sku]) => sku === "")
    .map(([product, , ...numbers]) => [product, ...numbers]);
  const chosen = whole.some(([product]) => product === state.chosen) ? state.chosen : null;
  const top = whole.slice(0, MOST_VALUES);
  const legend = top.map(([text], i) => ({
    key: text,
    text,
    color: categoryColor(i),
    chosen: text === chosen,
  }));
  const skus = rows
    .filter(([product, sku]) => sku !== "" && (chosen === null || product === chosen))
    .map(([, ...row]) => row)
    .sort((a, b) => b[1] - a[1]);
  const fill = chosen === null ? color("accent") : legend.find((entry) => entry.chosen)?.color;
  const bar = bars(skus.slice(0, MOST_VALUES), fill ?? color("accent"), state);
  return {
    tabs: [],
    legend,
    plots: [pie(whole, legend, chosen), { ...bar, title: chosen ?? words("All products") }],
    sentence: productSentence(whole, skus, chosen),
  };
}

function pie(whole, legend, chosen) {
  const [top, rest] = [whole.slice(0, MOST_VALUES), whole.slice(MOST_VALUES)];
  const names = labels(top.map(([text]) => text));
  const slices = top.map((row, i) => [names[i], row[1], hover(names[i], row)]);
  if (rest.length) {
    const sum = (column) => rest.reduce((total, row) => total + row[column], 0);
    const name = others(rest.length);
    slices.push([name, sum(1), hover(name, ["", sum(1), sum(2)])]);
  }
  const keys = legend.map(({ key }) => key);
  const data = {
    type: "pie",
    hole: 0.55,
    sort: false,
    direction: "clockwise",
    labels: slices.map(([name]) => name),
    values: slices.map(([, customers]) => customers),
    pull: slices.map((_, i) => (chosen !== null && keys[i] === chosen ? 0.08 : 0)),
    marker: {
      colors: slices.map((_, i) => categoryColor(i)),
      line: { color: color("card"), width: 1.5 },
    },
    textinfo: "none",
    hovertext: slices.map(([, , text]) => text),
    hovertemplate: "%{hovertext}<extra></extra>",
  };
  return { data: [data], layout: layout(300, { margin: { l: 16, r: 16, t: 16, b: 16 } }), keys };
}

function productSentence(whole, skus, chosen) {
  if (chosen === null || !skus.length) return leadSentence(whole);
  const [[sku, customers]] = skus;
  return words("{product}: of {values} SKUs {value} has the most customers, {count}.", {
    product: chosen,
    value: sku,
    count: exact(customers),
    values: exact(skus.length),
  });
}

/* Current customers stacked by month and value, small values together; a tab per dimension. */
export function distributionTrend(tables, state) {
  const dimensions = groups(tables.distribution_trend.rows, ([dimension]) => dimension);
  const tabs = [...dimensions.keys()].map((key) => ({ key, text: nameOf(key) }));
  const tab = tabOf(tabs, state);
  const every = tables.summary_trend.rows.map(([month]) => month);
  const places = new Map(every.map((month, i) => [month, i]));
  const covered = tables.summary_trend.rows.map(([, current]) => current !== null);
  const none = () => covered.map((known) => (known ? 0 : null));
  const series = [...groups(dimensions.get(tab) ?? [], ([, value]) => value)].map(
    ([value, rows]) => {
      const counts = none();
      for (const [, , month, customers] of rows) counts[places.get(month)] = customers;
      return { value, counts, sum: counts.reduce((total, count) => total + count, 0) };
    },
  );
  series.sort((a, b) => b.sum - a.sum || inOrder(a.value, b.value));
  const top = series.slice(0, MOST_VALUES);
  const rest = series.slice(MOST_VALUES);
  const entries = top.map(({ value, counts }) => ({ key: value, text: value, counts }));
  if (rest.length) {
    const counts = none();
    for (const one of rest)
      one.counts.forEach((n, i) => (counts[i] = n === null ? null : counts[i] + n));
    entries.push({ key: "\u0000others", text: others(rest.length), counts });
  }
  const legend = entries.map((entry, i) => ({ ...entry, color: categoryColor(i) }));
  const months = every.map(monthName);
  const seen = visible(legend, state);
  const highest = Math.max(
    0,
    ...every.map((_, i) => seen.reduce((sum, { counts }) => sum + counts[i], 0)),
  );
  return {
    tabs,
    tab,
    legend,
    months,
    plots: [
      {
        data: seen.map((entry) => columns(months, entry.counts, entry.text, entry.color)),
        layout: monthLayout(months, highest, state, { barmode: "stack" }),
      },
    ],
    sentence: trendSentence(series, every, covered),
  };
}

function trendSentence(series, months, covered) {
  if (!series.length) return nothing();
  const [first, last] = [covered.indexOf(true), covered.lastIndexOf(true)];
  const lead = series.reduce((best, one) => (one.counts[last] > best.counts[last] ? one : best));
  return words("{value} has the most customers in {last}, {count}; in {first} it had {before}.", {
    value: lead.value,
    last: monthName(months[last]),
    count: exact(lead.counts[last]),
    first: monthName(months[first]),
    before: exact(lead.counts[first]),
  });
}

/* Columns of active customers by month, and a line of all customers. */
export function activeCustomers(tables, state) {
  const { rows } = tables.active_customers;
  const months = rows.map(([month]) => monthName(month));
  const legend = ["active_customers", "current_customers"].map((key) => ({
    key,
    text: nameOf(key),
    color: color(key === "active_customers" ? "accent" : "quiet"),
  }));
  const data = visible(legend, state).map(({ key, text, color: fill }) => {
    const trace = columns(
      months,
      rows.map((row) => row[key === "active_customers" ? 1 : 2]),
      text,
      fill,
    );
    const line = { type: "scatter", mode: "lines+markers", line: { color: fill, width: 2 } };
    return key === "active_customers" ? trace : { ...trace, ...line, marker: { color: fill } };
  });
  const highest = Math.max(0, ...data.flatMap(({ y }) => y));
  return {
    tabs: [],
    legend,
    months,
    plots: [{ data, layout: monthLayout(months, highest, state) }],
    sentence: activeSentence(rows),
  };
}

function activeSentence(rows) {
  const last = rows.findLast(([, active]) => active !== null);
  if (!last) return nothing();
  const [month, active, current] = last;
  return words("In {month}, {active} of {current} customers were active ({share}).", {
    month: monthName(month),
    active: exact(active),
    current: exact(current),
    share: percent(current ? (100 * active) / current : null),
  });
}

/* A figure of a notebook of which this page knows no more than that. */
export function fixedFigure({ data, layout: form }) {
  const height = form.height ?? 420;
  return () => ({
    tabs: [],
    legend: [],
    plots: [{ data, layout: { ...form, height } }],
    sentence: "",
  });
}
