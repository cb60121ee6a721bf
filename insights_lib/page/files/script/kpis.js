// The summary: the key figures as cards, and the products with their growth and trend.

import { element, opener, svg, tip } from "./dom.js";
import { Grid } from "./grid.js";
import { marked, UNKNOWN } from "./language.js";

const [WIDTH, HEIGHT] = [120, 36];
const WHAT = marked("What is this?");

// What each card counts, for its info tip.
const MEANINGS = {
  current_customers: marked(
    "Customers with at least one active subscription in the last month with data. Growth compares that month with the first one of the range.",
  ),
  active_customers: marked(
    "Current customers who used a product in the month. Usage data arrives about a month late, so this month can be an earlier one.",
  ),
  subscriptions: marked(
    "Different active subscriptions in the last month with data. A dash: the source has no subscription ids.",
  ),
  customers_added: marked(
    "Customers who were current in a month and not in the month before, added up over the range. One who returns is added again. Net is added less churned.",
  ),
  customers_churned: marked(
    "Customers who were current in the month before and no longer are, added up over the range. The churn rate is their part of the customers before the range; growth upwards is bad.",
  ),
};

const FLOWS = new Set(["customers_added", "customers_churned"]);

export function drawCards(place, { summary, summary_trend: trend }, report) {
  const { t } = report;
  const metrics = Object.fromEntries(summary.map((row) => [row.metric, row]));
  const cards = Object.entries(MEANINGS).map(([name, meaning]) => {
    const { value } = metrics[name];
    const exact = value === null ? t("not known: there is no data for it") : t.exact(value);
    const head = { class: "card-head" };
    const open = report.opens("summary", metrics[name], "value");
    return element(
      "article",
      { class: "card kpi", "data-metric": name },
      element(
        "header",
        head,
        element("h3", {}, t.nameOf(name)),
        tip(`${t(WHAT)} ${t.nameOf(name)}`, t(meaning)),
      ),
      element("p", { class: "big", title: exact }, numberOf(t.short(value), open)),
      comparisons(name, metrics, report),
      element("p", { class: "quiet aside" }, aside(name, metrics, report)),
      area(trend.map((row) => row[name])),
    );
  });
  place.replaceChildren(...cards);
}

function numberOf(text, open) {
  return open ? opener(text, open) : text;
}

// Of a level its growth over the range and its change against the period before, of a flow the
// latter alone.
function comparisons(name, metrics, { t, filters }) {
  const { growth_pct, change_pct } = metrics[name];
  const upIsBad = name === "customers_churned";
  const before = t("vs {months}", { months: filters.monthsBeforeText });
  const change = [changeBadge(change_pct, { t, filters, upIsBad }), " ", quiet(before)];
  if (FLOWS.has(name)) return element("p", { class: "versus" }, change);
  const growth = [growthBadge(growth_pct, t), " ", quiet(t("in the range"))];
  return element("div", { class: "versus" }, element("p", {}, growth), element("p", {}, change));
}

function quiet(text) {
  return element("span", { class: "quiet" }, text);
}

function changeBadge(change, { t, filters, upIsBad }) {
  if (change !== null) return badge(change, t, upIsBad);
  const months = filters.monthsBeforeText;
  return unknown(
    t("Change cannot be known: there is no number above zero for all of {months}", { months }),
  );
}

function aside(name, metrics, report) {
  const { t, filters } = report;
  const { value, month } = metrics[name];
  if (value === null) return t("no data for this in the range");
  if (name === "customers_added") {
    const { value: net, change_pct } = metrics.net_customers_added;
    const told = `${t("Net")} ${t.exact(net)} `;
    return [told, changeBadge(change_pct, { t, filters, upIsBad: false })];
  }
  if (name !== "customers_churned") return t.month(month);
  const last = metrics.last_month_churn;
  const open = report.opens("summary", last, "value");
  const rate = ` · ${t("churn rate")} ${t.percent(metrics.churn_rate_pct.value)}`;
  return [`${t("Last month")} `, numberOf(t.exact(last.value), open), rate];
}

// ▲ +14.9 %, green, or red where up is bad.
export function growthBadge(growth, t, upIsBad = false) {
  if (growth === null) {
    const reason = t("Growth cannot be known: a single month, or a first month of zero");
    return unknown(reason);
  }
  return badge(growth, t, upIsBad);
}

function unknown(reason) {
  return element("span", { class: "growth quiet", title: reason }, UNKNOWN);
}

export function badge(growth, t, upIsBad) {
  const kind = growth === 0 ? "quiet" : growth > 0 === upIsBad ? "bad" : "good";
  const arrow = growth === 0 ? "=" : growth > 0 ? "▲" : "▼";
  const text = `${arrow} ${t.percent(growth, { signed: true })}`;
  return element("span", { class: `growth ${kind}` }, text);
}

// A small area from zero up; months that are not known are gaps.
export function area(numbers) {
  const top = Math.max(...numbers) || 1;
  const step = WIDTH / Math.max(numbers.length - 1, 1);
  const picture = svg("svg", {
    class: "micro",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  let run = [];
  const close = () => {
    if (!run.length) return;
    const line = run.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
    const ends = [run[0][0], run.at(-1)[0]].map((x) => `${x.toFixed(1)},${HEIGHT}`);
    picture.append(
      svg("polygon", { points: `${ends[0]} ${line} ${ends[1]}` }),
      svg("polyline", { points: line }),
    );
    run = [];
  };
  numbers.forEach((number, i) => {
    if (number === null) close();
    else run.push([i * step, HEIGHT - 2 - ((HEIGHT - 4) * number) / top]);
  });
  close();
  return picture;
}

// The table of products: a bar under each row, growth as a badge, the months as a small area.
export class ProductTable {
  constructor(place, title, report) {
    const { t, columns } = report;
    this.trends = new Map();
    const opens = (row, name) => report.opens("summary_products", row, name);
    this.grid = new Grid(place, t, {
      opens,
      title,
      columns: { ...columns.summary_products, trend: "text" },
      bar: "share_pct",
      cells: {
        customers: ({ customers }) =>
          element("span", { title: t.exact(customers) }, t.short(customers)),
        growth_pct: (row) => growthBadge(row.growth_pct, t),
        trend: ({ product }) => area(this.trends.get(product)),
      },
    });
  }

  update({ summary_products: rows, summary_trend: trend, distribution_trend: all }) {
    const places = new Map(trend.map(({ month }, i) => [month, i]));
    const none = () => trend.map(({ current_customers: current }) => (current === null ? null : 0));
    this.trends = new Map(rows.map(({ product }) => [product, none()]));
    for (const { dimension, value, month, customers } of all) {
      const series = dimension === "product" && this.trends.get(value);
      if (series) series[places.get(month)] = customers;
    }
    this.grid.update(rows.map((row) => ({ ...row, trend: "" })));
  }
}
