// The summary: the key figures as cards, and the products with their growth and trend.

import { comparisons, growthBadge, meaningOf, netChange } from "./compared.js";
import { element, opener, svg, tip } from "./dom.js";
import { Grid } from "./grid.js";
import { marked } from "./language.js";
import { isRestated } from "./unfinished.js";

const [WIDTH, HEIGHT] = [120, 36];
const WHAT = marked("What is this?");

// What each card counts, for its info tip.
const MEANINGS = {
  current_customers: marked(
    "Customers with at least one active subscription in the last month with data.",
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
    "Customers who were current in the month before and no longer are, added up over the range. The churn rate is their part of the customers before the range; more of it is worse.",
  ),
};

export function drawCards(place, tables, report) {
  const { t } = report;
  const { summary, summary_trend: trend } = tables;
  const metrics = Object.fromEntries(summary.map((row) => [row.metric, row]));
  const settled = trend.filter(({ month }) => !isRestated(month, report.asOf)).length;
  const cards = Object.entries(MEANINGS).map(([name, meaning]) => {
    const { value } = metrics[name];
    const exact = value === null ? t("not known: there is no data for it") : t.exact(value);
    const head = { class: "card-head" };
    const told = [meaning, meaningOf(name)].map((text) => element("p", {}, t(text)));
    const about = tip(`${t(WHAT)} ${t.nameOf(name)}`, told);
    const open = report.opens("summary", metrics[name], "value");
    return element(
      "article",
      { class: "card kpi", "data-metric": name },
      element("header", head, element("h3", {}, t.nameOf(name)), about),
      element("p", { class: "big", title: exact }, numberOf(t.short(value), open)),
      comparisons(name, tables, report),
      element("p", { class: "quiet aside" }, aside(name, metrics, report)),
      area(
        trend.map((row) => row[name]),
        settled,
      ),
    );
  });
  place.replaceChildren(...cards);
}

function numberOf(text, open) {
  return open ? opener(text, open) : text;
}

function aside(name, metrics, report) {
  const { t } = report;
  const { value, month } = metrics[name];
  if (value === null) return t("no data for this in the range");
  if (name === "customers_added") {
    const net = metrics.net_customers_added;
    return [`${t("Net")} ${t.exact(net.value)} `, netChange(net, t)];
  }
  if (name !== "customers_churned") {
    const change = isRestated(month, report.asOf) ? ` · ${t("not final")}` : "";
    return t.month(month) + change;
  }
  const last = metrics.last_month_churn;
  const open = report.opens("summary", last, "value");
  const rate = ` · ${t("churn rate")} ${t.percent(metrics.churn_rate_pct.value)}`;
  return [`${t("Last month")} `, numberOf(t.exact(last.value), open), rate];
}

// A small area from zero up; months that are not known are gaps, those that are not settled are faint.
export function area(numbers, settled = numbers.length) {
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
  if (settled < numbers.length) {
    const x = Math.max(settled - 1, 0) * step;
    picture.append(svg("rect", { x, y: 0, width: WIDTH - x, height: HEIGHT }));
  }
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
