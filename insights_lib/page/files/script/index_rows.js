// What the index tells of a report, with names for what it is sorted, searched and chosen by.

import { marked } from "./language.js";

const RANGE = /^(\d{4}-\d{2})_(\d{4}-\d{2})$/;
export const STATES = ["failed", "stale", "fresh", "earlier"]; // the most urgent first
export const METRICS = [
  "current_customers",
  "active_customers",
  "subscriptions",
  "customers_added",
  "customers_churned",
];

// Which rows a reader can choose, by a name for the choice.
export const CHOICES = {
  all: [marked("All reports"), () => true],
  attention: [marked("Needs attention"), needsAttention],
  failed: [marked("Failed"), (row) => row.state === "failed"],
  stale: [marked("Stale"), (row) => row.state === "stale"],
  fresh: [marked("Fresh"), (row) => row.state === "fresh"],
  earlier: [marked("Earlier"), (row) => row.state === "earlier"],
  falling: [marked("Fewer customers than at the start"), (row) => row.growth < 0],
};

export function needsAttention({ state }) {
  return state === "failed" || state === "stale";
}

// What else than an error makes a report less than fresh, as run/plan.py and run/index.py say it;
// files go by their names.
const CHANGED = marked("changed: {what}");
const NOT_THERE = marked("which is not there ({reason})");
// Between parts of what has changed; a reason among them may have commas of its own.
const BETWEEN = /, (?=which |report\.|data\b|parameters\b|notebooks\b|software\b)/;
const REASONS = [
  marked("data"),
  marked("parameters"),
  marked("notebooks"),
  marked("software"),
  marked("which is gone"),
  marked("notebooks or tables"),
  marked("which are gone"),
  marked("it was not asked for"),
  marked("report.html is gone"),
  marked("there is no report"),
  marked("its manifest.json is not a manifest"),
  marked("its last run failed"),
  marked("this run was not asked for it, and reports.yml does not list it"),
];

/* Why a report is not fresh, as {text, lang}: errors are English. */
export function reasonOf(why, t) {
  const [start] = CHANGED.split("{");
  if (why.startsWith(start)) {
    const parts = why.slice(start.length).split(BETWEEN);
    const what = parts.map((part) => changeOf(part, t)).join(", ");
    return { text: t(CHANGED, { what }), lang: null };
  }
  return { text: t(why), lang: why === "" || REASONS.includes(why) ? null : "en" };
}

function changeOf(part, t) {
  const [, reason] = /^which is not there \((.*)\)$/s.exec(part) ?? [];
  return reason === undefined ? t(part) : t(NOT_THERE, { reason: t(reason) });
}

// Filters such as product=Azure, as a reader calls them.
function filtersOf(texts, t) {
  return texts.map((text) => {
    const at = text.indexOf("=");
    return t.pair(t.nameOf(text.slice(0, at)), text.slice(at + 1));
  });
}

export function openIndexRows(rows, t) {
  return rows.map((row) => {
    const { partner, name, months } = row.known;
    const [, first, last] = RANGE.exec(months) ?? [];
    const value = (metric) => row.figures[metric]?.[0] ?? null;
    return {
      ...row,
      filters: filtersOf(row.filters, t),
      partner: name || partner,
      id: partner,
      named: Boolean(name) && name !== partner,
      period: last ? `${last} ${first}` : "",
      months: last ? t.range(first, last) : t.nameOf(months),
      urgency: STATES.indexOf(row.state),
      growth: row.figures.current_customers?.[1] ?? null,
      churn_rate_pct: value("churn_rate_pct"),
      ...Object.fromEntries(METRICS.map((metric) => [metric, value(metric)])),
      searched: `${name}\n${partner}`.toLocaleLowerCase(),
    };
  });
}
