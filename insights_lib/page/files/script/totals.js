// Above the table: how many partners and reports are listed, and what can be added up of them.

import { button, element, tip } from "./dom.js";
import { needsAttention } from "./index_rows.js";
import { marked } from "./language.js";

const ADDED_UP = marked(
  "The sum of the current customers of the partners that are listed, each partner once. A customer of two partners is in it twice, as their reports do not tell whose customers are the same. Reports that filters narrow are left out, and so are other months. Active customers, subscriptions, added and churned customers are not added up.",
);

export function drawTotals(place, listed, { t, table }) {
  const partners = new Set(listed.map(({ id }) => id)).size;
  const needing = listed.filter(needsAttention).length;
  const failed = listed.filter(({ state }) => state === "failed").length;
  const { sum, count, month } = addedUp(listed);
  const states = t("Failed: {failed}; stale: {stale}", { failed, stale: needing - failed });
  const of = t("{month}; {count} of {partners} partners", {
    month: t.month(month),
    count: t.exact(count),
    partners: t.exact(partners),
  });
  const reports = t("Reports: {count}", { count: t.exact(listed.length) });
  const show = button(t("Show them"), () => table.choose("attention"), { class: "link" });
  place.replaceChildren(
    card(t("Partners"), t.exact(partners), reports),
    card(
      t("Needs attention"),
      t.exact(needing),
      states,
      needing ? " " : null,
      needing ? show : null,
    ),
    card(element("span", {}, t("Customers, added up")), count ? t.exact(sum) : t.exact(null), of),
  );
  place.lastChild.querySelector("header").append(tip(t("What is this?"), t(ADDED_UP)));
}

function card(title, big, ...aside) {
  return element(
    "article",
    { class: "card kpi" },
    element("header", { class: "card-head" }, element("h2", {}, title)),
    element("p", { class: "big" }, big),
    element("p", { class: "quiet aside" }, ...aside),
  );
}

/* The current customers of as many partners as have the same last month, and that month. Each partner
 * counts once, by a report of all its customers. */
export function addedUp(rows) {
  const byMonth = new Map();
  for (const { id, month, filters, current_customers: customers } of rows) {
    if (!month || filters.length || customers === null) continue;
    if (!byMonth.has(month)) byMonth.set(month, new Map());
    byMonth.get(month).set(id, customers);
  }
  const months = [...byMonth].sort(([a, x], [b, y]) => y.size - x.size || (a < b ? 1 : -1));
  const [month, customers] = months[0] ?? [null, new Map()];
  const sum = [...customers.values()].reduce((all, one) => all + one, 0);
  return { month, count: customers.size, sum };
}
