// Counts the rows of the page by month, as docs/definitions.md defines the sets: rows and a selection
// in, tallies of customers out. tables.js makes the tables of the report of them.

const WINDOW = 31; // months that are counted at a time; bit 0 of a window is the month before

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
 * selection: {first, last, facets}. The months are numbers, 1 is the first month of the report.
 * facets holds, by name, a Set of the codes that may pass; a facet that is not there
 * lets everything pass. */
export function countMonths(rows, selection) {
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
    keptProduct: tally(rows.values.product.length), // as existing, of each product
    occurs: new Uint8Array(rows.values.product.length),
    by: Object.fromEntries(
      Object.entries(rows.values).map(([d, { length }]) => [d, tally(length)]),
    ),
  };
  const passes = passing(rows, selection);
  rows.windows.forEach((_, window) => {
    countWindow(rows, selection, { passes, window, counted });
  });
  return counted;
}

// Which codes of each filtered facet pass F.
function passing(rows, selection) {
  return rows.facets
    .filter((facet) => selection.facets[facet])
    .map((facet) => ({
      facet,
      codes: rows.codes[facet],
      allowed: Uint8Array.from(rows.values[facet], (_, code) => selection.facets[facet].has(code)),
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
  const dimensions = rows.dimensions.map((name) => ({
    name,
    codes: rows.codes[name],
    months: new MonthBits(rows.values[name].length),
    tally: counted.by[name],
  }));
  const plans = new MonthBits(rows.plans.pairs.length);

  for (let customer = 0; customer < rows.customers; customer++) {
    let current = 0;
    for (let row = rows.starts[customer]; row < rows.starts[customer + 1]; row++) {
      const bits = bitsOfPattern[rows.pattern[row]] & seen;
      if (!bits || !passes.every(({ codes, allowed }) => allowed[codes[row]])) continue;
      current |= bits;
      subscriptions[rows.subscription[row]] |= bits;
      plans.add(rows.plans.codes[row], bits);
      for (const { codes, months } of dimensions) months.add(codes[row], bits);
    }
    if (!current) continue;
    const active = current & usageKnown & used(customer);
    const kept = current & (current << 1);
    const added = current & ~kept & flowsKnown;
    counted.current.add(0, current & own, base);
    counted.active.add(0, active, base);
    counted.existing.add(0, kept & own, base);
    plans.drain((code, bits) => counted.plans.add(code, bits & own, base));
    for (const { name, months, tally } of dimensions) {
      months.drain((code, bits) => {
        tally.add(code, bits & own, base);
        if (name === "product") {
          counted.occurs[code] = 1;
          counted.keptProduct.add(code, bits & (bits << 1) & own, base);
        } else if (name === "customer_market") {
          counted.activeByMarket.add(code, bits & active, base);
          counted.addedByMarket.add(code, bits & added, base);
        }
      });
    }
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
  const { starts, product, pattern } = rows.usage;
  const allowed = passes.find(({ facet }) => facet === "product")?.allowed;
  return (customer) => {
    let bits = 0;
    for (let row = starts[customer]; row < starts[customer + 1]; row++) {
      if (!allowed || allowed[product[row]]) bits |= bitsOfPattern[pattern[row]];
    }
    return bits;
  };
}

// Added and churned customers are known in a month that is covered like the one before it.
export function knowsFlows(rows, { first, last }, month) {
  return month >= first && month <= last && rows.covered[month] && rows.covered[month - 1];
}
