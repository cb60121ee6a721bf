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

// Filters such as product=Azure, as a reader calls them.
function filtersOf(texts, t) {
  return texts.map((text) => {
    const at = text.indexOf("=");
    return `${t.nameOf(text.slice(0, at))}: ${text.slice(at + 1)}`;
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
