// What the page of an executive report viewer knows of single customers: what
// insights_lib/page/people.py packed, ready to be looked up by row or customer.

import { byCodePoint, larger, numbersOf, runningSum, startsOf } from "./columns.js";
import { bitsWhere, holds, lastKnown } from "./sets.js";

const DAY = 86_400_000;

/* rows is what openRows gives. All of this is of the report's own range: `latest` is its L, 0 if
 * there is none. What stands by row starts at starts[row], what stands by customer at
 * starts[customer]; NaN is unknown. */
export function openPeople(packed, rows) {
  const latest = lastKnown(rows.covered, rows.first, rows.end);
  const isIn = (row, month) => latest > 0 && month >= 0 && holds(rows, row, month);
  return {
    ...unitsOf(rows),
    latest,
    asOf: packed.as_of,
    dayTexts: new Map(), // of days that were asked for
    keys: packed.keys,
    names: packed.names,
    unknownRank: packed.names.filter((name) => byCodePoint(name, "Unknown") < 0).length - 0.5,
    nameOf: nameOf(packed.row_names, rows),
    monthsOfUse: packed.months_of_use,
    inLatest: rows.pattern.map((_, row) => isIn(row, latest)),
    inThreeBefore: rows.pattern.map((_, row) => [1, 2, 3].some((k) => isIn(row, latest - k))),
    // The months of the range of which usage is known, by window.
    usageKnown: rows.windows.map((_, window) =>
      bitsWhere(rows, window, (month) => month >= rows.first && rows.has_usage[month]),
    ),
    lines: byKey(packed.lines, "row", rows.pattern.length),
    seatsBefore: byKey(packed.seats_before, "row", rows.pattern.length),
    amounts: byKey(packed.amounts, "row", rows.pattern.length),
    use: withChange(byKey(packed.use, "customer", rows.customers)),
  };
}

// Columns by their starts; the names of their rows or customers are differences.
function byKey(columns, key, count) {
  const opened = Object.fromEntries(
    Object.entries(columns)
      .filter(([name]) => name !== key)
      .map(([name, column]) => [name, numbersOf(column)]),
  );
  return { ...opened, starts: startsOf(runningSum(columns[key]), count) };
}

// The position of each row's name, -1 without one.
function nameOf({ row, name }, rows) {
  const names = new Int32Array(rows.pattern.length).fill(-1);
  runningSum(row).forEach((number, i) => {
    names[number] = name[i];
  });
  return names;
}

// usage_change_pct of each product.
function withChange(use) {
  const change = use.earlier.map((earlier, i) =>
    earlier ? (100 * (use.later[i] - earlier)) / earlier : NaN,
  );
  return { ...use, change };
}

/* Several rows can be one subscription: a pair of id and SKU of a customer and product. unit is the
 * first row of each row's subscription, isShared whether there are others. A row without an id
 * stands for itself. */
function unitsOf(rows) {
  const { customers, starts, subscription } = rows;
  const unit = Int32Array.from(subscription, (_, row) => row);
  const isShared = new Uint8Array(subscription.length);
  const planOf = planning(rows);
  const found = new Map();
  for (let customer = 0; customer < customers; customer++) {
    found.clear();
    for (let row = starts[customer]; row < starts[customer + 1]; row++) {
      if (!subscription[row]) continue;
      const plan = planOf(row);
      const first = found.get(plan);
      if (first === undefined) {
        found.set(plan, row);
        continue;
      }
      unit[row] = first;
      isShared[row] = isShared[first] = 1;
    }
  }
  return { unit, isShared };
}

// A number for each subscription, product and SKU.
function planning({ subscription, codes, values }) {
  const none = new Int32Array(subscription.length);
  const { product = none, sku = none } = codes;
  const [products, skus] = [values.product.length || 1, values.sku.length || 1];
  return (row) => (subscription[row] * products + product[row]) * skus + sku[row];
}

/* Hands out each subscription of a customer in a month, of the rows that pass: a row of it, seats,
 * assigned seats, end (days from the as-of date) and renews (bits: 1 yes, 2 no). The month must be
 * the last one of the customer in the report's range and the month before it. */
export function eachSubscription({ rows, passes }, customer, month, each) {
  const { lines, unit, isShared } = rows.people;
  let shared = null;
  for (let row = rows.starts[customer]; row < rows.starts[customer + 1]; row++) {
    if (!passes[row] || rows.lastSeen[rows.pattern[row]] !== month) continue;
    for (let line = lines.starts[row]; line < lines.starts[row + 1]; line++) {
      const { seats, assigned, end, renews } = lines;
      if (isShared[row]) {
        shared ??= new Map();
        merge(shared, unit[row], { row, line, lines });
      } else {
        each(row, seats[line], assigned[line], end[line], renews[line]);
      }
    }
  }
  shared?.forEach((one) => each(one.row, one.seats, one.assigned, one.end, one.renews));
}

// Of the rows of a subscription the largest values count, and all flags.
function merge(shared, unit, { row, line, lines }) {
  const own = Object.fromEntries(
    ["seats", "assigned", "end", "renews"].map((name) => [name, lines[name][line]]),
  );
  const other = shared.get(unit);
  if (!other) {
    shared.set(unit, { row, ...own });
    return;
  }
  for (const name of ["seats", "assigned", "end"]) other[name] = larger(other[name], own[name]);
  other.renews |= own.renews;
}

// A day, as days from the as-of date, as a text.
export function dayText({ asOf, dayTexts }, days) {
  if (!dayTexts.has(days)) {
    dayTexts.set(days, new Date(Date.parse(asOf) + days * DAY).toISOString().slice(0, 10));
  }
  return dayTexts.get(days);
}

// Day zero of the twelve months from the as-of date's on, and of the one after them.
export function daysOfMonths({ asOf }) {
  const [year, month] = asOf.split("-").map(Number);
  return Array.from({ length: 13 }, (_, i) =>
    Math.round((Date.UTC(year, month - 1 + i, 1) - Date.parse(asOf)) / DAY),
  );
}
