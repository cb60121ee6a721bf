// What numbers are compared with: growth over the range, the change against the period before, and
// why either cannot be known.

import { element } from "./dom.js";
import { marked, UNKNOWN } from "./language.js";
import { monthAfter } from "./marks.js";
import { lastKnown } from "./sets.js";

// The months in which each level is known; what is not here is a flow.
const LEVELS = {
  current_customers: "covered",
  active_customers: "has_usage",
  subscriptions: "has_ids",
};
const OF_LEVELS = marked(
  "Growth compares the last month with the first one of the range. “vs” compares it with the end of the period before, which has as many months.",
);
const OF_FLOWS = marked(
  "“vs” compares the sum with that of the period before, which has as many months.",
);

/* What the comparisons of a card mean. */
export function meaningOf(name) {
  return name in LEVELS ? OF_LEVELS : OF_FLOWS;
}

/* Of a level its growth over the range and its change against the end of the period before, of a
 * flow the change of its sum; the reason where one cannot be known. Nothing of a value that cannot. */
export function comparisons(name, { summary, summary_trend: trend }, report) {
  const row = summary.find(({ metric }) => metric === name);
  if (row.value === null) return element("div", { class: "versus" });
  const lines = [changeLine(name, row, report)];
  if (name in LEVELS) lines.unshift(growthLine(row, trend, report.t));
  return element("div", { class: "versus" }, lines);
}

function growthLine({ metric, growth_pct }, trend, t) {
  if (growth_pct !== null) return line(badge(growth_pct, t), t("growth"));
  const known = trend.filter((row) => row[metric] !== null);
  return line(known.length < 2 ? t("growth needs two months") : t("no growth in percent from 0"));
}

function changeLine(name, { change_pct, previous_value: before }, report) {
  const { t } = report;
  const months = monthsBefore(name, report);
  const upIsBad = name === "customers_churned";
  if (change_pct !== null) return line(badge(change_pct, t, upIsBad), t("vs {months}", { months }));
  if (before === null) {
    const level = marked("no data for {months}");
    const reason = name in LEVELS ? level : marked("no complete data for {months}");
    return line(t(reason, { months }));
  }
  if (before > 0) return line(t("not every month has data"));
  return line(t("{count} in {months}", { count: t.exact(before), months }));
}

function line(...parts) {
  const told = (part) =>
    typeof part === "string" ? element("span", { class: "quiet" }, part) : part;
  return element("p", {}, parts.flatMap((part) => [told(part), " "]).slice(0, -1));
}

// The month that a level is compared with, or all months that a flow is.
function monthsBefore(name, { t, rows, filters }) {
  const { first, last } = filters.span;
  const start = 2 * first - last - 1;
  if (!(name in LEVELS)) return filters.monthsBeforeText;
  const known = rows[LEVELS[name]];
  const end = lastKnown(known, start, first - 1);
  return known[end] ? t.month(rows.months[end]) : t.month(monthAfter(filters.from, -1));
}

/* The change of the net number, beside it: what it was before where a percentage says nothing. */
export function netChange({ change_pct, previous_value: before }, t) {
  if (change_pct !== null) return badge(change_pct, t);
  return before === null ? "" : t("({count} before)", { count: t.exact(before) });
}

// ▲ +14.9 %, green, or red where up is bad.
export function growthBadge(growth, t) {
  if (growth === null) {
    const reason = t("Growth cannot be known: a single month, or a first month of zero");
    return element("span", { class: "growth quiet", title: reason }, UNKNOWN);
  }
  return badge(growth, t);
}

/* Where up is bad a word says so, too: colours alone speak to few. */
export function badge(growth, t, upIsBad = false) {
  const kind = growth === 0 ? "quiet" : growth > 0 === upIsBad ? "bad" : "good";
  const arrow = growth === 0 ? "=" : growth > 0 ? "▲" : "▼";
  const word = upIsBad && growth !== 0 ? [kind === "bad" ? t("worse") : t("better")] : [];
  const text = [arrow, t.percent(growth, { signed: true }), ...word].join(" ");
  return element("span", { class: `growth ${kind}` }, text);
}
