// Who is current, and who is active, in which month: the sets of docs/definitions.md under the filters
// of the reader, by customer, as bits.

// Months are counted 31 at a time. Bit 0 of a window is the last month of the window before it,
// because added and churned customers compare two months.
export const WINDOW = 31;

// The window that holds a month together with the month before it.
export function windowOf(month) {
  return Math.max(Math.ceil(month / WINDOW) - 1, 0);
}

export function bitOf(month) {
  return 1 << (month - WINDOW * windowOf(month));
}

// Added and churned customers are known in a month that is covered like the one before it.
export function hasFlows({ covered }, month) {
  return Boolean(covered[month] && covered[month - 1]);
}

/* facets holds, by name, a Set of the codes that may pass F; a facet that is not there lets
 * everything pass.
 *
 * Gives passes: for each row whether it does; current: for each window the months of each customer;
 * first: the first month ever of each customer, -1 without any; allowed: which products' usage
 * counts, null for all. */
export function openSets(rows, facets) {
  const passes = new Uint8Array(rows.pattern.length).fill(1);
  let allowed = null;
  for (const facet of rows.facets.filter((name) => facets[name])) {
    const codes = rows.codes[facet];
    const may = Uint8Array.from(rows.values[facet], (_, code) => facets[facet].has(code));
    for (let row = 0; row < passes.length; row++) passes[row] &= may[codes[row]];
    if (facet === "product") allowed = may;
  }
  const current = rows.windows.map((bits) => currentOf(rows, passes, bits));
  return { rows, passes, current, first: firstOf(current, rows.customers), allowed };
}

function currentOf({ customers, starts, pattern }, passes, bits) {
  const current = new Int32Array(customers);
  for (let customer = 0; customer < customers; customer++) {
    let months = 0;
    for (let row = starts[customer]; row < starts[customer + 1]; row++) {
      if (passes[row]) months |= bits[pattern[row]];
    }
    current[customer] = months;
  }
  return current;
}

function firstOf(current, customers) {
  const first = new Int32Array(customers).fill(-1);
  current.forEach((months, window) => {
    for (let customer = 0; customer < customers; customer++) {
      const bits = months[customer];
      if (first[customer] >= 0 || !bits) continue;
      first[customer] = WINDOW * window + 31 - Math.clz32(bits & -bits);
    }
  });
  return first;
}

// Whether a customer is in C(m).
export function isCurrent({ current }, customer, month) {
  // There is no window for months after those that were read.
  return month >= 0 && (current[windowOf(month)]?.[customer] & bitOf(month)) !== 0;
}

export function isAdded(sets, customer, month) {
  const { rows } = sets;
  if (!hasFlows(rows, month)) return false;
  return isCurrent(sets, customer, month) && !isCurrent(sets, customer, month - 1);
}

export function isChurned(sets, customer, month) {
  const { rows } = sets;
  if (!hasFlows(rows, month)) return false;
  return !isCurrent(sets, customer, month) && isCurrent(sets, customer, month - 1);
}

export function isExisting(sets, customer, month) {
  if (!hasFlows(sets.rows, month)) return false;
  return isCurrent(sets, customer, month) && isCurrent(sets, customer, month - 1);
}

// Whether an added customer was never current before.
export function isNew(sets, customer, month) {
  return isAdded(sets, customer, month) && sets.first[customer] === month;
}

export function isReturning(sets, customer, month) {
  return isAdded(sets, customer, month) && sets.first[customer] !== month;
}

// The months of a window in which a customer has usage; under a product filter, usage of a filtered
// product.
export function usedIn({ rows, allowed }, customer, window) {
  const { starts, product, pattern } = rows.usage;
  const bitsOfPattern = rows.windows[window];
  let bits = 0;
  for (let row = starts[customer]; row < starts[customer + 1]; row++) {
    if (!allowed || allowed[product[row]]) bits |= bitsOfPattern[pattern[row]];
  }
  return bits;
}

// Whether a customer is in A(m).
export function isActive(sets, customer, month) {
  if (!sets.rows.has_usage[month] || !isCurrent(sets, customer, month)) return false;
  return (usedIn(sets, customer, windowOf(month)) & bitOf(month)) !== 0;
}

// Whether a row has a month.
export function holds(rows, row, month) {
  return (rows.windows[windowOf(month)][rows.pattern[row]] & bitOf(month)) !== 0;
}

// The months of a window of which something holds, as bits.
export function bitsWhere({ months }, window, holdsIn) {
  const base = WINDOW * window;
  let bits = 0;
  for (let b = 0; b <= WINDOW && base + b < months.length; b++) {
    if (holdsIn(base + b)) bits |= 1 << b;
  }
  return bits;
}

// The last month from first to last in which something is known, 0 if there is none: L or LA.
// Month 0 is never in a range, since the month before it is.
export function lastKnown(known, first, last) {
  for (let month = last; month >= first; month--) if (known[month]) return month;
  return 0;
}
