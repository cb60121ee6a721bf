// Counts the rows of the page by month, as docs/definitions.md defines the sets: rows and a selection
// in, tallies of customers out. tables.js makes the tables of the report of them.

import { lackingIn } from "./rows.js";
import { bitsWhere, hasFlows, usedIn, WINDOW } from "./sets.js";

// How many there are of each key in each month: the keys are codes, the months their numbers. Until it
// is summed up it holds differences from month to month, because most stay for many months.
class Tally {
  constructor(keys, months) {
    this.keys = keys;
    this.months = months + 1; // the last one takes who leaves after the last month
    this.numbers = new Int32Array(keys * this.months);
  }

  // One more for the key in every month whose bit is set; bit 0 is the month `base`.
  add(key, bits, base) {
    const start = key * this.months + base;
    let left = bits;
    while (left) {
      const lowest = left & -left;
      const rest = (left + lowest) | 0; // without the lowest run, but with the bit after it
      const after = rest & ~left;
      this.numbers[start + 31 - Math.clz32(lowest)] += 1;
      this.numbers[start + (after ? 31 - Math.clz32(after) : 32)] -= 1;
      left &= rest;
    }
  }

  sumUp() {
    for (let i = 0; i < this.numbers.length; i++) {
      if (i % this.months) this.numbers[i] += this.numbers[i - 1];
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
class MonthBits {
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

/* The sets of the definitions, as numbers of customers by month.
 *
 * sets is what openSets gives, first and last are the months of the selection. The series are counted
 * from the month before the period before it, the rest from the month before it. */
export function countMonths(sets, { first, last }) {
  const rows = withoutLacking(sets.rows, { first, last });
  const months = rows.months.length;
  const tallies = [];
  const tally = (keys) => {
    tallies.push(new Tally(keys, months));
    return tallies.at(-1);
  };
  const counted = {
    first,
    current: tally(1), // C(m)
    active: tally(1), // A(m)
    existing: tally(1), // of C(m) in C(m-1) as well, whether or not flows are known
    subscriptions: tally(1),
    cohorts: tally(months), // by month, of those who were new in the month that is the key
    plans: tally(rows.plans.pairs.length),
    activeByMarket: tally(rows.values.customer_market.length),
    addedByMarket: tally(rows.values.customer_market.length),
    keptProduct: tally(rows.values.product.length), // as existing, of each product
    occurs: new Uint8Array(rows.values.product.length),
    by: Object.fromEntries(
      Object.entries(rows.values).map(([d, { length }]) => [d, tally(length)]),
    ),
  };
  const before = 2 * first - last - 2;
  rows.windows.forEach((_, window) => {
    const masks = masksOf(rows, window, { before, first, last });
    if (!masks.series) return;
    countWindow({ ...sets, rows }, { window, masks, counted });
  });
  for (const one of tallies) one.sumUp();
  return counted;
}

// The rows without dimensions that the exports of the months do not have: there nothing has a value.
function withoutLacking(rows, months) {
  const lacking = lackingIn(rows, months);
  if (!lacking.length) return rows;
  const isTold = (name) => !lacking.includes(name);
  const plans = { pairs: [], codes: new Int32Array() };
  return {
    ...rows,
    dimensions: rows.dimensions.filter(isTold),
    plans: ["product", "sku"].every(isTold) ? rows.plans : plans,
  };
}

// The months of a window in which something is counted. Those of `rows` include the month before the
// window, to tell who stayed; all others are left to the window before.
function masksOf(rows, window, { before, first, last }) {
  const own = window === 0 ? -1 : ~1;
  const bits = (holds) => bitsWhere(rows, window, (m) => m <= last && holds(m));
  return {
    own,
    rows: bits((m) => m >= first - 1),
    range: bits((m) => m >= first) & own,
    series: bits((m) => m >= before) & own,
    usage: bits((m) => m >= before && rows.has_usage[m]) & own,
    flows: bits((m) => m >= first && hasFlows(rows, m)) & own,
  };
}

function countWindow(sets, { window, masks, counted }) {
  const { rows, first } = sets;
  const base = WINDOW * window;
  const dimensions = rows.dimensions.map((name) => ({
    name,
    codes: rows.codes[name],
    months: new MonthBits(rows.values[name].length),
    tally: counted.by[name],
  }));
  const plans = new MonthBits(rows.plans.pairs.length);
  const subscriptions = new Int32Array(rows.subscriptions + 1);
  const gather = gathering(sets, window, { masks, subscriptions, plans, dimensions });
  // Whether who is new in a month is a cohort of the selection.
  const isCohort = Uint8Array.from(rows.months, (_, m) => m >= counted.first && hasFlows(rows, m));

  for (let customer = 0; customer < rows.customers; customer++) {
    const current = sets.current[window][customer];
    if (!current) continue;
    const active = current & masks.usage && current & masks.usage & usedIn(sets, customer, window);
    const kept = current & (current << 1);
    counted.current.add(0, current & masks.series, base);
    counted.active.add(0, active, base);
    counted.existing.add(0, kept & masks.series, base);
    if (isCohort[first[customer]]) {
      counted.cohorts.add(first[customer], current & masks.range, base);
    }
    gather(customer);
    plans.drain((code, bits) => counted.plans.add(code, bits & masks.own, base));
    for (const { name, months, tally } of dimensions) {
      months.drain((code, bits) => {
        tally.add(code, bits & masks.own, base);
        if (name === "product") {
          counted.occurs[code] = 1;
          counted.keptProduct.add(code, bits & (bits << 1) & masks.own, base);
        } else if (name === "customer_market") {
          counted.activeByMarket.add(code, bits & active, base);
          counted.addedByMarket.add(code, bits & current & ~kept & masks.flows, base);
        }
      });
    }
  }
  for (let i = 1; i < subscriptions.length; i++) {
    counted.subscriptions.add(0, subscriptions[i], base);
  }
}

// Adds the rows of a customer to what is counted of rows.
function gathering({ rows, passes }, window, { masks, subscriptions, plans, dimensions }) {
  const { starts, pattern, subscription } = rows;
  const bitsOfPattern = rows.windows[window];
  return (customer) => {
    for (let row = starts[customer]; row < starts[customer + 1]; row++) {
      if (!passes[row]) continue;
      const bits = bitsOfPattern[pattern[row]];
      subscriptions[subscription[row]] |= bits & masks.series;
      const seen = bits & masks.rows;
      if (!seen) continue;
      plans.add(rows.plans.codes[row], seen);
      for (const { codes, months } of dimensions) months.add(codes[row], seen);
    }
  };
}
