// The summary: the key figures as cards, and the products with their growth and trend.

import { element, svg, tip } from "./dom.js";
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

export function drawCards(place, { summary, summary_trend: trend }, t) {
  const metrics = Object.fromEntries(summary.map((row) => [row.metric, row]));
  const cards = Object.entries(MEANINGS).map(([name, meaning]) => {
    const { value, growth_pct } = metrics[name];
    const exact = value === null ? t("not known: there is no data for it") : t.exact(value);
    const head = { class: "card-head" };
    return element(
      "article",
      { class: "card kpi", "data-metric": name },
      element("header", head, element("h3", {}, t.nameOf(name)), tip(t(WHAT), t(meaning))),
      element("p", { class: "big", title: exact }, t.short(value)),
      element("p", {}, growthBadge(growth_pct, t, name === "customers_churned")),
      element("p", { class: "quiet aside" }, aside(name, metrics, t)),
      area(trend.map((row) => row[name])),
    );
  });
  place.replaceChildren(...cards);
}

function aside(name, metrics, t) {
  const { value, month } = metrics[name];
  if (value === null) return t("no data for this in the range");
  if (name === "customers_added") {
    return `${t("Net")} ${t.exact(metrics.net_customers_added.value)}`;
  }
  if (name !== "customers_churned") return t.month(month);
  const last = `${t("Last month")} ${t.exact(metrics.last_month_churn.value)}`;
  return `${last} · ${t("churn rate")} ${t.percent(metrics.churn_rate_pct.value)}`;
}

// ▲ +14.94 %, green, or red where up is bad.
function growthBadge(growth, t, upIsBad = false) {
  if (growth === null) {
    const reason = t("Growth cannot be known: a single month, or a first month of zero");
    return element("span", { class: "growth quiet", title: reason }, UNKNOWN);
  }
  const kind = growth === 0 ? "quiet" : growth > 0 === upIsBad ? "bad" : "good";
  const arrow = growth === 0 ? "＝" : growth > 0 ? "▲" : "▼";
  const text = `${arrow} ${t.percent(growth, { signed: true })}`;
  return element("span", { class: `growth ${kind}` }, text);
}

// A small area from zero up; months that are not known are gaps.
function area(numbers) {
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
  constructor(place, title, { t, columns }) {
    this.trends = new Map();
    this.grid = new Grid(place, t, {
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
