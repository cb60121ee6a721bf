// Counts the rows of the page as docs/definitions.md defines it: rows and a selection in, the
// tables of the report out. Null means that a number cannot be known, never zero.

import { DIMENSIONS, FACETS } from "./rows.js";

const WINDOW = 31; // months that are counted at a time; bit 0 of a window is the month before
const DISTRIBUTIONS = [
  "partner_location",
  "customer_segment",
  "sales_channel",
  "pricing_model",
  "partner_attribution",
];
const TRENDS = [
  "customer_market",
  "customer_segment",
  "partner_location",
  "product",
  "sales_channel",
  "pricing_model",
  "partner_attribution",
];
const TOTAL = "All";

/* The tables of the report, by name, each as {columns, rows}.
 *
 * selection: {first, last, facets}. The months are numbers, 1 is the first month of the report.
 * facets holds, by name, a Set of the codes in rows.same that may pass; a facet that is not there
 * lets everything pass. */
export function count(rows, selection) {
  const counted = countMonths(rows, selection);
  return {
    summary: summary(rows, selection, counted),
    summary_products: summaryProducts(rows, selection, counted),
    summary_trend: summaryTrend(rows, selection, counted),
    geographical_spread: geographicalSpread(rows, selection, counted),
    adds_and_churns: addsAndChurns(rows, selection, counted),
    distribution: distribution(rows, selection, counted),
    products: products(rows, selection, counted),
    distribution_trend: distributionTrend(rows, selection, counted),
    active_customers: activeCustomers(rows, selection, counted),
  };
}

// How many there are of each key in each month: the keys are codes, the months their numbers.
class Tally {
  constructor(keys, months) {
    this.months = months;
    this.numbers = new Int32Array(keys * months);
  }

  // One more for the key in every month whose bit is set; bit 0 is the month `base`.
  add(key, bits, base) {
    const start = key * this.months + base;
    let left = bits;
    while (left) {
      const lowest = left & -left;
      this.numbers[start + 31 - Math.clz32(lowest)] += 1;
      left ^= lowest;
    }
  }

  of(key, month) {
    return this.numbers[key * this.months + month];
  }

  sum(key, months) {
    return months.reduce((sum, month) => sum + this.of(key, month), 0);
  }
}

// The bits of months by code, for one customer at a time: which codes it has, and in which months.
class Held {
  constructor(codes) {
    this.bits = new Int32Array(codes);
    this.touched = [];
  }

  add(code, bits) {
    if (!bits) return;
    if (!this.bits[code]) this.touched.push(code);
    this.bits[code] |= bits;
  }

  // Hands out every code with its bits, and forgets them.
  drain(each) {
    for (const code of this.touched) {
      each(code, this.bits[code]);
      this.bits[code] = 0;
    }
    this.touched.length = 0;
  }
}

// The sets of the definitions, as numbers of customers by month.
function countMonths(rows, selection) {
  const months = rows.months.length;
  const tally = (keys) => new Tally(keys, months);
  const counted = {
    current: tally(1), // C(m)
    active: tally(1), // A(m)
    existing: tally(1), // of C(m) in C(m-1) as well, whether or not flows are known
    subscriptions: tally(1),
    plans: tally(rows.plans.pairs.length),
    activeByMarket: tally(rows.values.customer_market.length),
    addedByMarket: tally(rows.values.customer_market.length),
    ofProduct: tally(rows.values.product.length), // by the first of those that are one
    keptProduct: tally(rows.values.product.length),
    occurs: new Uint8Array(rows.values.product.length),
    by: Object.fromEntries(DIMENSIONS.map((name) => [name, tally(rows.values[name].length)])),
  };
  const passes = passing(rows, selection);
  rows.windows.forEach((_, window) => {
    countWindow(rows, selection, { passes, window, counted });
  });
  return counted;
}

// Which codes of each filtered facet pass F.
function passing(rows, selection) {
  return FACETS.filter((facet) => selection.facets[facet]).map((facet) => ({
    facet,
    codes: rows.codes[facet],
    allowed: Uint8Array.from(rows.same[facet], (same) => selection.facets[facet].has(same)),
  }));
}

function countWindow(rows, selection, { passes, window, counted }) {
  const base = window * WINDOW;
  // The months of this window, and with the month before them, which the next window leaves out.
  const seen = bitsOf(rows, base, (m) => m >= selection.first - 1 && m <= selection.last);
  const own = window === 0 ? seen : seen & ~1;
  const usageKnown = bitsOf(rows, base, (m) => rows.has_usage[m]) & own;
  const flowsKnown = bitsOf(rows, base, (m) => knowsFlows(rows, selection, m)) & own;
  const bitsOfPattern = rows.windows[window];
  const used = usedBy(rows, passes, bitsOfPattern);
  const subscriptions = new Int32Array(rows.subscriptions + 1);
  const held = Object.fromEntries(
    DIMENSIONS.map((name) => [name, new Held(rows.values[name].length)]),
  );
  const plans = new Held(rows.plans.pairs.length);
  const products = new Held(rows.values.product.length);

  for (let customer = 0; customer < rows.customers; customer++) {
    let current = 0;
    for (let row = rows.starts[customer]; row < rows.starts[customer + 1]; row++) {
      const bits = bitsOfPattern[rows.held[row]] & seen;
      if (!bits || !passes.every(({ codes, allowed }) => allowed[codes[row]])) continue;
      current |= bits;
      subscriptions[rows.subscription[row]] |= bits;
      plans.add(rows.plans.codes[row], bits);
      for (const name of DIMENSIONS) held[name].add(rows.codes[name][row], bits);
    }
    if (!current) continue;
    const active = current & usageKnown & used(customer);
    const kept = current & (current << 1);
    const added = current & ~kept & flowsKnown;
    counted.current.add(0, current & own, base);
    counted.active.add(0, active, base);
    counted.existing.add(0, kept & own, base);
    plans.drain((code, bits) => counted.plans.add(code, bits & own, base));
    for (const name of DIMENSIONS) {
      const { by } = counted;
      held[name].drain((code, bits) => {
        by[name].add(code, bits & own, base);
        if (name === "product") {
          counted.occurs[code] = 1;
          products.add(rows.same.product[code], bits);
        } else if (name === "customer_market") {
          counted.activeByMarket.add(code, bits & active, base);
          counted.addedByMarket.add(code, bits & added, base);
        }
      });
    }
    products.drain((code, bits) => {
      counted.ofProduct.add(code, bits & own, base);
      counted.keptProduct.add(code, bits & (bits << 1) & own, base);
    });
  }
  for (let i = 1; i < subscriptions.length; i++) {
    counted.subscriptions.add(0, subscriptions[i] & own, base);
  }
}

function bitsOf(rows, base, holds) {
  let bits = 0;
  for (let b = 0; b <= WINDOW && base + b < rows.months.length; b++) {
    if (holds(base + b)) bits |= 1 << b;
  }
  return bits;
}

// In which months a customer has usage; under a product filter, usage of a filtered product.
function usedBy(rows, passes, bitsOfPattern) {
  const { starts, product, held } = rows.usage;
  const allowed = passes.find(({ facet }) => facet === "product")?.allowed;
  return (customer) => {
    let bits = 0;
    for (let row = starts[customer]; row < starts[customer + 1]; row++) {
      if (!allowed || allowed[product[row]]) bits |= bitsOfPattern[held[row]];
    }
    return bits;
  };
}

// Added and churned customers are known in a month that is covered like the one before it.
function knowsFlows(rows, { first, last }, month) {
  return month >= first && month <= last && rows.covered[month] && rows.covered[month - 1];
}

function monthsOf({ first, last }) {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

// The last month of the range in which something is known, 0 if there is none: L or LA.
function lastKnown(known, selection) {
  return monthsOf(selection).findLast((month) => known[month]) ?? 0;
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
    if (customers) found.push([key, customers]);
  }
  return found.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

function summaryTrend(rows, selection, counted) {
  const known = (flags, tally, month) => (flags[month] ? tally.of(0, month) : null);
  return {
    columns: [
      "month",
      "current_customers",
      "active_customers",
      "subscriptions",
      "customers_added",
      "customers_churned",
    ],
    rows: monthsOf(selection).map((month) => {
      const { added, churned } = flows(
        rows,
        selection,
        month,
        counted.current,
        counted.existing,
        0,
      );
      return [
        rows.months[month],
        known(rows.covered, counted.current, month),
        known(rows.has_usage, counted.active, month),
        known(rows.has_ids, counted.subscriptions, month),
        added,
        churned,
      ];
    }),
  };
}

// Existing, added and churned customers of a key in a month.
function flows(rows, selection, month, current, existing, key) {
  if (!knowsFlows(rows, selection, month)) return { existing: null, added: null, churned: null };
  const kept = existing.of(key, month);
  return {
    existing: kept,
    added: current.of(key, month) - kept,
    churned: current.of(key, month - 1) - kept,
  };
}

function summary(rows, selection, counted) {
  const trend = summaryTrend(rows, selection, counted);
  const series = (name) => trend.rows.map((row) => row[trend.columns.indexOf(name)]);
  const last = (name) => {
    const at = series(name).findLastIndex((value) => value !== null);
    return at < 0 ? [null, null] : [series(name)[at], trend.rows[at][0]];
  };
  const sum = (name) => series(name).reduce((total, value) => total + value, 0);
  const [lastChurn, month] = last("customers_churned");
  const firstFlow = monthsOf(selection).find((m) => knowsFlows(rows, selection, m));
  const before = firstFlow ? counted.current.of(0, firstFlow - 1) : 0;
  const total = (value) => (month === null ? null : value);
  const level = (name) => [name, last(name)[0], growth(series(name)), last(name)[1]];
  return {
    columns: ["metric", "value", "growth_pct", "month"],
    rows: [
      level("current_customers"),
      level("active_customers"),
      level("subscriptions"),
      ...["customers_added", "customers_churned"].map((name) => [
        name,
        total(sum(name)),
        growth(series(name)),
        month,
      ]),
      [
        "net_customers_added",
        total(sum("customers_added") - sum("customers_churned")),
        null,
        month,
      ],
      ["last_month_churn", lastChurn, null, month],
      ["churn_rate_pct", total(share(sum("customers_churned"), before)), null, month],
    ],
  };
}

// Customers by value of a dimension in L: code, customers, share of C(L).
function byValue(rows, selection, counted, dimension) {
  const month = lastKnown(rows.covered, selection);
  const total = counted.current.of(0, month);
  return ranked(counted.by[dimension], rows.values[dimension].length, month).map(
    ([code, customers]) => [code, customers, share(customers, total)],
  );
}

function summaryProducts(rows, selection, counted) {
  const covered = monthsOf(selection).filter((month) => rows.covered[month]);
  const series = (code) => covered.map((month) => counted.by.product.of(code, month));
  return {
    columns: ["product", "customers", "share_pct", "growth_pct"],
    rows: byValue(rows, selection, counted, "product").map(([code, ...row]) => [
      rows.values.product[code],
      ...row,
      growth(series(code)),
    ]),
  };
}

function geographicalSpread(rows, selection, counted) {
  const months = monthsOf(selection);
  const now = lastKnown(rows.covered, selection);
  const used = lastKnown(rows.has_usage, selection);
  const withFlows = months.filter((month) => knowsFlows(rows, selection, month));
  const added = withFlows.reduce(
    (sum, month) => sum + counted.current.of(0, month) - counted.existing.of(0, month),
    0,
  );
  const found = rows.values.customer_market.map((market, code) => {
    const current = now ? counted.by.customer_market.of(code, now) : null;
    const active = used ? counted.activeByMarket.of(code, used) : null;
    const entered = withFlows.length ? counted.addedByMarket.sum(code, withFlows) : null;
    return [
      market,
      rows.countries[code],
      current,
      share(current, counted.current.of(0, now)),
      active,
      share(active, counted.active.of(0, used)),
      entered,
      share(entered, added),
    ];
  });
  return {
    columns: [
      "customer_market",
      "country_code",
      "current_customers",
      "current_pct",
      "active_customers",
      "active_pct",
      "new_customers",
      "new_pct",
    ],
    // Sorting keeps the order of markets with the same number.
    rows: found.filter((row) => row[2] || row[4] || row[6]).sort((a, b) => b[2] - a[2]),
  };
}

function addsAndChurns(rows, selection, counted) {
  const months = monthsOf(selection);
  const lines = (product, current, existing, key) =>
    months.map((month) => {
      const flow = flows(rows, selection, month, current, existing, key);
      return [product, rows.months[month], flow.existing, flow.added, flow.churned];
    });
  const { product } = rows.values;
  return {
    columns: ["product", "month", "existing", "added", "churned"],
    rows: [
      ...lines(TOTAL, counted.current, counted.existing, 0),
      ...product.flatMap((name, code) =>
        counted.occurs[code]
          ? lines(name, counted.ofProduct, counted.keptProduct, rows.same.product[code])
          : [],
      ),
    ],
  };
}

function distribution(rows, selection, counted) {
  return {
    columns: ["dimension", "value", "customers", "share_pct"],
    rows: DISTRIBUTIONS.flatMap((dimension) =>
      byValue(rows, selection, counted, dimension).map(([code, ...row]) => [
        dimension,
        rows.values[dimension][code],
        ...row,
      ]),
    ),
  };
}

function products(rows, selection, counted) {
  const month = lastKnown(rows.covered, selection);
  const total = counted.current.of(0, month);
  const skus = new Map();
  for (const [plan, customers] of ranked(counted.plans, rows.plans.pairs.length, month)) {
    const [product, sku] = rows.plans.pairs[plan];
    if (!skus.has(product)) skus.set(product, []);
    skus.get(product).push([rows.values.sku[sku], customers, share(customers, total)]);
  }
  return {
    columns: ["product", "sku", "customers", "share_pct"],
    rows: ranked(counted.by.product, rows.values.product.length, month).flatMap(
      ([code, customers]) => {
        const product = rows.values.product[code];
        const own = [product, "", customers, share(customers, total)];
        return [own, ...skus.get(code).map((sku) => [product, ...sku])];
      },
    ),
  };
}

function distributionTrend(rows, selection, counted) {
  const months = monthsOf(selection);
  return {
    columns: ["dimension", "value", "month", "customers"],
    rows: TRENDS.flatMap((dimension) =>
      rows.values[dimension].flatMap((value, code) =>
        months
          .filter((month) => counted.by[dimension].of(code, month))
          .map((month) => [
            dimension,
            value,
            rows.months[month],
            counted.by[dimension].of(code, month),
          ]),
      ),
    ),
  };
}

function activeCustomers(rows, selection, counted) {
  const trend = summaryTrend(rows, selection, counted);
  return {
    columns: ["month", "active_customers", "current_customers"],
    rows: trend.rows.map(([month, current, active]) => [month, active, current]),
  };
}
