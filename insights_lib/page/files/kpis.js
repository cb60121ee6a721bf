// The summary: the key figures as cards, and the products with their growth and trend.

import { element, svg } from "./dom.js";
import { Grid } from "./grid.js";
import { exact, marked, monthName, nameOf, percent, short, UNKNOWN, words } from "./language.js";

const [WIDTH, HEIGHT] = [120, 36];

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

// An info tip: a question mark that opens a text.
export function tip(text) {
  const label = words("What is this?");
  return element(
    "details",
    { class: "tip" },
    element("summary", { "aria-label": label }, "i"),
    element("div", {}, text),
  );
}

export function drawCards(place, { summary, summary_trend: trend }) {
  const metric = Object.fromEntries(summary.rows.map(([name, ...rest]) => [name, rest]));
  place.replaceChildren(
    ...Object.entries(MEANINGS).map(([name, meaning]) => {
      const [value, growth, month] = metric[name];
      const series = trend.rows.map((row) => row[trend.columns.indexOf(name)]);
      const unknown = words("not known: there is no data for it");
      return element(
        "article",
        { class: "card kpi", "data-metric": name },
        element(
          "header",
          { class: "card-head" },
          element("h3", {}, nameOf(name)),
          tip(words(meaning)),
        ),
        element(
          "p",
          { class: "big", title: value === null ? unknown : exact(value) },
          short(value),
        ),
        element("p", {}, growthBadge(growth, name === "customers_churned")),
        element("p", { class: "quiet aside" }, aside(name, value, month, metric)),
        area(series),
      );
    }),
  );
}

function aside(name, value, month, metric) {
  if (value === null) return words("no data for this in the range");
  if (name === "customers_added") return `${words("Net")} ${exact(metric.net_customers_added[0])}`;
  if (name !== "customers_churned") return monthName(month);
  const rate = percent(metric.churn_rate_pct[0]);
  return `${words("Last month")} ${exact(metric.last_month_churn[0])} · ${words("churn rate")} ${rate}`;
}

// ▲ +14.94 %, green, or red where up is bad.
export function growthBadge(growth, upIsBad = false) {
  if (growth === null) {
    const reason = words("Growth cannot be known: a single month, or a first month of zero");
    return element("span", { class: "growth quiet", title: reason }, UNKNOWN);
  }
  const kind = growth === 0 ? "quiet" : growth > 0 === upIsBad ? "bad" : "good";
  const arrow = growth === 0 ? "＝" : growth > 0 ? "▲" : "▼";
  return element(
    "span",
    { class: `growth ${kind}` },
    `${arrow} ${percent(growth, { signed: true })}`,
  );
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
  constructor(place, name) {
    this.trends = new Map();
    this.grid = new Grid(place, name, {
      bar: "share_pct",
      cells: {
        customers: (value) => element("span", { title: exact(value) }, short(value)),
        growth_pct: (value) => growthBadge(value),
        trend: (_, [product]) => area(this.trends.get(product)),
      },
    });
  }

  update({ summary_products: { columns, rows }, summary_trend: trend, distribution_trend: all }) {
    const places = new Map(trend.rows.map(([month], i) => [month, i]));
    const none = () => trend.rows.map(([, current]) => (current === null ? null : 0));
    this.trends = new Map(rows.map(([product]) => [product, none()]));
    for (const [dimension, product, month, customers] of all.rows) {
      const series = dimension === "product" && this.trends.get(product);
      if (series) series[places.get(month)] = customers;
    }
    this.grid.update({ columns: [...columns, "trend"], rows: rows.map((row) => [...row, ""]) });
  }
}
