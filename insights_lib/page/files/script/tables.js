// Counts the tables of the report that its page counts, each as rows by the names of its columns.
// Null means that a number cannot be known, never zero.

import { countMonths, knowsFlows } from "./count.js";

/* The tables by name. selection is as for countMonths; declared is what insights_lib/tables.py
 * declares, columns and all. */
export function countTables(rows, selection, declared) {
  const counted = countMonths(rows, selection);
  const source = { rows, selection, counted, declared, months: monthsOf(selection) };
  return Object.fromEntries(Object.entries(TABLES).map(([name, table]) => [name, table(source)]));
}

const TABLES = {
  summary,
  summary_products: summaryProducts,
  summary_trend: summaryTrend,
  geographical_spread: geographicalSpread,
  adds_and_churns: addsAndChurns,
  distribution,
  products,
  distribution_trend: distributionTrend,
  active_customers: activeCustomers,
};

function monthsOf({ first, last }) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

// The last month of the range in which something is known, 0 if there is none: L or LA.
function lastKnown(known, months) {
  return months.findLast((month) => known[month]) ?? 0;
}

function share(number, total) {
  return number === null || !total ? null : (100 * number) / total;
}

// From the first known value to the last, in percent; null without two, or from zero.
function growth(series) {
  const known = series.filter((value) => value !== null);
  if (known.length < 2 || known[0] === 0) return null;
  return (100 * (known.at(-1) - known[0])) / known[0];
}

// The values of a tally that have customers in a month, the most first, then in order of text.
function ranked(tally, keys, month) {
  const found = [];
  for (let key = 0; month && key < keys; key++) {
    const customers = tally.of(key, month);
    if (customers) found.push({ key, customers });
  }
  return found.sort((a, b) => b.customers - a.customers || a.key - b.key);
}

// Existing, added and churned customers of a key in a month.
function flows({ rows, selection }, month, { current, existing, key }) {
  if (!knowsFlows(rows, selection, month)) return { existing: null, added: null, churned: null };
  const kept = existing.of(key, month);
  return {
    existing: kept,
    added: current.of(key, month) - kept,
    churned: current.of(key, month - 1) - kept,
  };
}

function summaryTrend(source) {
  const { rows, counted, months } = source;
  const { current, existing } = counted;
  const known = (flags, tally, month) => (flags[month] ? tally.of(0, month) : null);
  return months.map((month) => {
    const { added, churned } = flows(source, month, { current, existing, key: 0 });
    return {
      month: rows.months[month],
      current_customers: known(rows.covered, current, month),
      active_customers: known(rows.has_usage, counted.active, month),
      subscriptions: known(rows.has_ids, counted.subscriptions, month),
      customers_added: added,
      customers_churned: churned,
    };
  });
}

function summary(source) {
  const { rows, selection, counted, months } = source;
  const trend = summaryTrend(source);
  const series = (name) => trend.map((row) => row[name]);
  const last = (name) => {
    const row = trend.findLast((one) => one[name] !== null);
    return { value: row?.[name] ?? null, month: row?.month ?? null };
  };
  const level = (metric) => ({ metric, growth_pct: growth(series(metric)), ...last(metric) });
  const churn = last("customers_churned");
  const total = (metric, value, growth_pct = null) => ({
    metric,
    value: churn.month === null ? null : value,
    growth_pct,
    month: churn.month,
  });
  const sum = (name) => series(name).reduce((all, value) => all + value, 0);
  const flow = (metric) => total(metric, sum(metric), growth(series(metric)));
  const firstFlow = months.find((month) => knowsFlows(rows, selection, month));
  const before = firstFlow ? counted.current.of(0, firstFlow - 1) : 0;
  return [
    level("current_customers"),
    level("active_customers"),
    level("subscriptions"),
    flow("customers_added"),
    flow("customers_churned"),
    total("net_customers_added", sum("customers_added") - sum("customers_churned")),
    total("last_month_churn", churn.value),
    total("churn_rate_pct", share(sum("customers_churned"), before)),
  ];
}

// Customers by value of a dimension in L, with their share of C(L).
function byValue({ rows, counted, months }, dimension) {
  const month = lastKnown(rows.covered, months);
  const total = counted.current.of(0, month);
  const values = rows.values[dimension];
  return ranked(counted.by[dimension], values.length, month).map(({ key, customers }) => ({
    key,
    value: values[key],
    customers,
    share_pct: share(customers, total),
  }));
}

function summaryProducts(source) {
  const { rows, counted, months } = source;
  const covered = months.filter((month) => rows.covered[month]);
  return byValue(source, "product").map(({ key, value, customers, share_pct }) => ({
    product: value,
    customers,
    share_pct,
    growth_pct: growth(covered.map((month) => counted.by.product.of(key, month))),
  }));
}

function geographicalSpread({ rows, selection, counted, months }) {
  const now = lastKnown(rows.covered, months);
  const used = lastKnown(rows.has_usage, months);
  const withFlows = months.filter((month) => knowsFlows(rows, selection, month));
  const everyNew = withFlows.reduce(
    (sum, month) => sum + counted.current.of(0, month) - counted.existing.of(0, month),
    0,
  );
  const found = rows.values.customer_market.map((market, code) => {
    const current = now ? counted.by.customer_market.of(code, now) : null;
    const active = used ? counted.activeByMarket.of(code, used) : null;
    const added = withFlows.length ? counted.addedByMarket.sum(code, withFlows) : null;
    return {
      customer_market: market,
      country_code: rows.countries[code],
      current_customers: current,
      current_pct: share(current, counted.current.of(0, now)),
      active_customers: active,
      active_pct: share(active, counted.active.of(0, used)),
      new_customers: added,
      new_pct: share(added, everyNew),
    };
  });
  // Sorting keeps the order of markets with the same number.
  return found
    .filter((row) => row.current_customers || row.active_customers || row.new_customers)
    .sort((a, b) => b.current_customers - a.current_customers);
}

function addsAndChurns(source) {
  const { rows, counted, months, declared } = source;
  const lines = (product, tallies) =>
    months.map((month) => ({
      product,
      month: rows.months[month],
      ...flows(source, month, tallies),
    }));
  const { current, existing, by, keptProduct } = counted;
  return [
    ...lines(declared.all, { current, existing, key: 0 }),
    ...rows.values.product.flatMap((product, code) =>
      counted.occurs[code]
        ? lines(product, { current: by.product, existing: keptProduct, key: code })
        : [],
    ),
  ];
}

function distribution(source) {
  return source.declared.tables.distribution.dimensions.flatMap((dimension) =>
    byValue(source, dimension).map(({ value, customers, share_pct }) => ({
      dimension,
      value,
      customers,
      share_pct,
    })),
  );
}

function products(source) {
  const { rows, counted, months } = source;
  const month = lastKnown(rows.covered, months);
  const total = counted.current.of(0, month);
  const skus = new Map();
  const plans = rows.values.sku.length ? rows.plans.pairs.length : 0;
  for (const { key, customers } of ranked(counted.plans, plans, month)) {
    const { product, sku } = rows.plans.pairs[key];
    if (!skus.has(product)) skus.set(product, []);
    skus.get(product).push({ sku: rows.values.sku[sku], customers });
  }
  return byValue(source, "product").flatMap(({ key, value, customers }) =>
    [{ sku: "", customers }, ...(skus.get(key) ?? [])].map((row) => ({
      product: value,
      ...row,
      share_pct: share(row.customers, total),
    })),
  );
}

function distributionTrend({ rows, counted, months, declared }) {
  const found = [];
  for (const dimension of declared.tables.distribution_trend.dimensions) {
    const tally = counted.by[dimension];
    rows.values[dimension].forEach((value, code) => {
      for (const month of months) {
        const customers = tally.of(code, month);
        if (customers) found.push({ dimension, value, month: rows.months[month], customers });
      }
    });
  }
  return found;
}

function activeCustomers(source) {
  return summaryTrend(source).map(({ month, active_customers, current_customers }) => ({
    month,
    active_customers,
    current_customers,
  }));
}
