// The charts of products and their SKUs; see charts.js.

import { leadSentence, OTHERS, sumOf } from "./charts.js";
import { labels } from "./figures.js";

const MOST_BARS = 60; // that a chart has room for; its table holds all

/* A pie of the products, and beside it the SKUs of the chosen one, or of all. */
export function products(tables, state, { t, figures, declared, mark }) {
  const most = declared.tables.products.values_shown;
  const named = (name) => (row) => ({ ...row, text: row[name] });
  const whole = tables.products.filter(({ sku }) => sku === "").map(named("product"));
  const slices = slicesOf(whole, most, figures);
  const chosen = slices.find(({ key }) => key === state.chosen) ?? null;
  const legend = slices.map((slice) => ({ ...slice, chosen: slice === chosen }));
  const skus = tables.products
    .filter(({ product, sku }) => sku !== "" && (chosen === null || chosen.products.has(product)))
    .map(named("sku"))
    .sort((a, b) => b.customers - a.customers);
  const fill = chosen?.color ?? figures.color("accent");
  const shown = skus.slice(0, state.all ? MOST_BARS : most);
  const bars = figures.horizontalBars(shown, fill, state);
  const opens = (row) => mark("products", row, "customers");
  bars.marks = [shown.map(opens)];
  const current = tables.summary.find(({ metric }) => metric === "current_customers").value;
  const title = [
    chosen?.text ?? t("All products"),
    t("{shown} of {skus}", {
      shown: t.exact(shown.length),
      skus: t.counted(skus.length, t("{count} SKU"), t("{count} SKUs")),
    }),
  ].join(" · ");
  return {
    tabs: [],
    legend,
    plots: [pie(slices, figures, { chosen, current }), { ...bars, title }],
    choice: skus.length > most ? choiceOfBars(state, t) : null,
    sentence: productSentence(whole, skus, chosen, t),
    offers: chosen ? [opens(chosen.row)] : [],
  };
}

// The largest products, and the others together: `row` is what a mark of them takes.
function slicesOf(whole, most, figures) {
  const slices = whole.slice(0, most).map((row, i) => ({
    ...{ key: row.product, text: row.product, color: figures.category(i) },
    ...{ row, products: new Set([row.product]) },
  }));
  const rest = whole.slice(most);
  if (!rest.length) return slices;
  const apart = slices.map(({ key }) => key);
  const row = {
    ...{ apart, customers: sumOf(rest, "customers") },
    share_pct: sumOf(rest, "share_pct"),
  };
  const products = new Set(rest.map(({ product }) => product));
  const text = figures.others(rest.length);
  return [...slices, { key: OTHERS, text, color: figures.color("others"), row, products }];
}

function choiceOfBars({ all }, t) {
  const text = all ? t("Show the largest alone") : t("Show the rest");
  return { text, state: { all: !all } };
}

// current is how many customers there are: of those who hold several products the slices tell twice.
function pie(slices, figures, { chosen, current }) {
  const keys = slices.map(({ key }) => key);
  const names = labels(slices.map(({ text }) => text));
  const data = {
    type: "pie",
    hole: 0.55,
    sort: false,
    direction: "clockwise",
    labels: names,
    values: slices.map(({ row }) => row.customers),
    pull: slices.map((slice) => (slice === chosen ? 0.08 : 0)),
    marker: {
      pattern: figures.sliced(slices.map(({ color }) => color)),
      colors: slices.map(({ color }) => color),
      line: { color: figures.color("card"), width: 1.5 },
    },
    text: slices.map(({ row }) => figures.t.short(row.customers)),
    textinfo: "text",
    textposition: "inside",
    insidetextorientation: "horizontal",
    insidetextfont: { color: figures.color("card") },
    hovertext: slices.map(({ row }, i) => figures.hover(names[i], row)),
    hovertemplate: "%{hovertext}<extra></extra>",
  };
  const total = `<b>${figures.t.short(current)}</b><br>${figures.t("Customers")}`;
  const layout = figures.layout(300, {
    margin: { l: 16, r: 16, t: 16, b: 16 },
    uniformtext: { mode: "hide", minsize: 10 },
    annotations: [{ text: total, x: 0.5, y: 0.5, showarrow: false, font: { size: 16 } }],
  });
  return { data: [data], layout, keys: [keys] };
}

function productSentence(whole, skus, chosen, t) {
  if (chosen === null || !skus.length) return leadSentence(whole, t);
  const [first] = skus;
  return t("{product}: of {values} {value} has the most customers, {count}.", {
    product: chosen.text,
    value: first.text,
    count: t.exact(first.customers),
    values: t.counted(skus.length, t("{count} SKU"), t("{count} SKUs")),
  });
}
