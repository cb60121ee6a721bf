// Counts the tables of the report that its page counts, each as rows by the names of its columns.
// Null means that a number cannot be known, never zero.

import { countMonths } from "./count.js";
import { customerRows, listedCustomers } from "./customers.js";
import {
  activeCustomers,
  bridge,
  cohorts,
  flows,
  growth,
  share,
  summary,
  summaryTrend,
} from "./months.js";
import { hasFlows, lastKnown, openSets } from "./sets.js";
import { renewals, seats, signals } from "./signals.js";

/* The tables by name, those that are declared as counted. Each is made when it is first asked for,
 * because the customers can be many.
 *
 * selection: {first, last, facets}. The months are positions among those of the rows. facets holds,
 * by name, a Set of the codes that may pass; a facet that is not there lets everything pass.
 * declared is what insights_lib/tables.py declares, columns and all. */
export function countTables(rows, selection, declared) {
  const sets = openSets(rows, selection.facets);
  const counted = countMonths(sets, selection);
  const source = { rows, selection, sets, counted, declared, months: monthsOf(selection) };
  const tables = {};
  for (const table of Object.values(declared.tables)) {
    if (!table.counted || (table.from_people && !rows.people)) continue;
    makeWhenAsked(tables, table.name, () => TABLES[table.name](source));
  }
  return tables;
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
  signals: ({ sets }) => signals(sets),
  customers,
  bridge,
  cohorts,
  renewals: ({ sets }) => renewals(sets),
  seats: ({ sets }) => seats(sets),
};

function monthsOf({ first, last }) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function makeWhenAsked(tables, name, make) {
  let made = null;
  const get = () => (made ??= make());
  Object.defineProperty(tables, name, { enumerable: true, get });
}

function customers({ sets, selection }) {
  const listed = listedCustomers(sets, selection);
  return customerRows({ sets, selection }, listed).map(({ row }) => row);
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

// Customers by value of a dimension in L, with their share of C(L).
function byValue({ rows, selection, counted }, dimension) {
  const month = lastKnown(rows.covered, selection.first, selection.last);
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
  const now = lastKnown(rows.covered, selection.first, selection.last);
  const used = lastKnown(rows.has_usage, selection.first, selection.last);
  const withFlows = months.filter((month) => hasFlows(rows, month));
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
  const { rows, selection, counted } = source;
  const month = lastKnown(rows.covered, selection.first, selection.last);
  const total = counted.current.of(0, month);
  const skus = new Map();
  for (const { key, customers } of ranked(counted.plans, counted.plans.keys, month)) {
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
