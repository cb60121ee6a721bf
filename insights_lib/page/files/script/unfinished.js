// Months that are not whole, because data is missing or still to be restated: how notes and charts
// show them. And why a chart has nothing to show.

import { element } from "./dom.js";
import { marked } from "./language.js";

// Partner Center restates the numbers of a month until about this day of the next one.
const SETTLED = 20;
const NOT_FINAL = marked("not final");

/* Whether the numbers of a month, as `2025-01`, may still change on the as-of date. */
export function isRestated(month, asOf) {
  const [year, number] = month.split("-").map(Number);
  return asOf < new Date(Date.UTC(year, number, SETTLED)).toISOString().slice(0, 10);
}

/* What a reader should know of the months that are chosen, as sentences. */
export function monthNotes({ rows, filters, asOf, t }) {
  const { first, last } = filters.span;
  const { covered, has_usage: hasUsage, months } = rows;
  const reasonOf = {
    [marked("No data on subscriptions for {items}.")]: (m) => !covered[m],
    [marked("No usage data for {items}.")]: (m) => !hasUsage[m],
    [marked("Not final, the numbers may still change: {items}.")]: (m) =>
      covered[m] && isRestated(months[m], asOf),
  };
  const texts = months.slice(first, last + 1);
  return Object.entries(reasonOf).flatMap(([text, holds]) => {
    const found = runs(texts, (_, i) => (holds(first + i) ? text : null));
    const items = found.map(({ from, to }) => t.range(from, to)).join(", ");
    return items ? [t(text, { items })] : [];
  });
}

// Months that follow one another and have the same reason, each as {from, to, reason}.
function runs(months, reasonOf) {
  const found = [];
  let reason = null;
  months.forEach((month, i) => {
    const own = reasonOf(month, i);
    if (own && own === reason) found.at(-1).to = month;
    else if (own) found.push({ from: month, to: month, reason: own });
    reason = own;
  });
  return found;
}

/* A chart by month with its unfinished months told apart: bands where there is no column, hatched
 * columns that may still change; and beside it `unfinished`, {text, kind} of each run of them. */
export function withUnfinished(chart, name, { rows, filters, asOf, t, figures }) {
  if (!chart.months?.length) return { ...chart, unfinished: [] };
  const { first, last } = filters.span;
  const months = rows.months.slice(first, last + 1);
  const columns = chart.plots.flatMap(({ data }) => data.filter(({ type }) => type === "bar"));
  const why = (month, i) => {
    if (columns.some(({ y }) => y[i] === null)) return whyMissing(rows, first + i, name);
    return isRestated(month, asOf) ? NOT_FINAL : null;
  };
  const reasons = months.map(why);
  const isBand = (reason) => reason !== null && reason !== NOT_FINAL;
  const bands = reasons.flatMap((reason, i) => (isBand(reason) ? [figures.band(i)] : []));
  const isHatched = reasons.map((reason) => reason === NOT_FINAL);
  return {
    ...chart,
    plots: chart.plots.map(({ data, layout, ...others }) => ({
      data: data.map((trace) => figures.hatched(trace, isHatched)),
      layout: { ...layout, shapes: bands },
      ...others,
    })),
    unfinished: runs(months, (_, i) => reasons[i]).map(({ from, to, reason }) => ({
      text: t.pair(t.range(from, to), t(reason)),
      kind: isBand(reason) ? "band" : "hatched",
    })),
  };
}

function whyMissing({ covered, has_usage: hasUsage }, month, name) {
  if (!covered[month]) return marked("no data on subscriptions");
  if (name === "active_customers" && !hasUsage[month]) return marked("no usage data");
  return marked("no data for the month before");
}

/* The names of unfinished months beside what they look like in a chart. */
export function unfinishedList(unfinished) {
  return unfinished.map(({ text, kind }) =>
    element("li", {}, element("span", { class: `swatch ${kind}` }), text),
  );
}

/* Why a chart has nothing to show, as far as months and filters tell; null if they do not. */
export function whyNothing(name, { rows, filters, tables, t }) {
  const { first, last } = filters.span;
  const isIn = (flags) => flags.slice(first, last + 1).some(Boolean);
  if (!isIn(rows.covered)) return t("There is no data on subscriptions for these months.");
  if (filters.used.length && hasNobody(tables)) return t("No customer passes the filters.");
  if (name === "active_customers" && !isIn(rows.has_usage))
    return t("There is no usage data for these months.");
  return null;
}

/* Whether nobody is, comes or goes in any month that is chosen. */
export function hasNobody({ summary_trend: trend }) {
  return trend.every(({ current_customers: current, customers_churned: churned }) => {
    return !current && !churned;
  });
}
