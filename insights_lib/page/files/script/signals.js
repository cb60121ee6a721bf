// What a single customer shows, and the tables that are counted of it: signals, renewals, seats. All
// of it is of the report's own range, whatever months the reader has chosen.

import { larger, orNull, plus } from "./columns.js";
import { daysOfMonths, eachSubscription } from "./people.js";
import { isCurrent, usedIn } from "./sets.js";

export const SIGNALS = [
  "usage_falling",
  "usage_stopped",
  "never_used",
  "seats_falling",
  "product_dropped",
  "ends_soon",
];
const SOON = 90; // days
// The texts of renews.
export const RENEWS = [null, "yes", "no", "mixed"];

/* The values of a customer under the filters: last, its last month in the report's range or the month
 * before it; seats and assigned seats then; nextEnd (days from the as-of date) and autoRenew;
 * change, changeProduct and lastUsage of its use; signals, as bits. NaN is unknown. */
export function valuesOf(sets, customer) {
  const { people } = sets.rows;
  const last = lastOf(sets, customer);
  const use = useOf(sets, customer);
  const values = { last, seats: NaN, assigned: NaN, nextEnd: NaN, ...use };
  const isCurrent = last > 0 && last === people.latest;
  let renews = 0;
  eachSubscription(sets, customer, last, (_, seats, assigned, end, flags) => {
    values.seats = plus(values.seats, seats);
    values.assigned = plus(values.assigned, assigned);
    if (!isCurrent || !(end >= 0) || end > values.nextEnd) return;
    renews = end === values.nextEnd ? renews | flags : flags;
    values.nextEnd = end;
  });
  values.autoRenew = RENEWS[renews];
  values.signals = isCurrent ? signalsOf(sets, customer, values) : 0;
  return values;
}

function lastOf({ rows, passes }, customer) {
  let last = -1;
  for (let row = rows.starts[customer]; row < rows.starts[customer + 1]; row++) {
    if (passes[row]) last = Math.max(last, rows.lastSeen[rows.pattern[row]]);
  }
  return last;
}

function useOf({ rows, allowed }, customer) {
  const { use } = rows.people;
  const found = { change: NaN, changeProduct: -1, lastUsage: -1, isStopped: false };
  let [isUsed, isUsedLately] = [false, false];
  for (let i = use.starts[customer]; i < use.starts[customer + 1]; i++) {
    if (allowed && !allowed[use.product[i]]) continue;
    isUsed ||= use.used[i] > 0;
    isUsedLately ||= use.used[i] === 2;
    found.lastUsage = Math.max(found.lastUsage, use.last[i]);
    if (use.change[i] < found.change || Number.isNaN(found.change)) {
      found.change = use.change[i];
      found.changeProduct = Number.isNaN(found.change) ? -1 : use.product[i];
    }
  }
  found.isStopped = isUsed && !isUsedLately;
  return found;
}

/* The names of signals that are given as bits. */
export function signalNames(bits) {
  return SIGNALS.filter((_, i) => bits & (1 << i));
}

function signalsOf(sets, customer, { change, isStopped, seats, nextEnd, autoRenew }) {
  const { hasDropped, mayNeverUse } = productsOf(sets, customer);
  const before = seatsBefore(sets, customer);
  return bitsOf(
    change <= -30,
    isStopped,
    mayNeverUse && !wasActive(sets, customer),
    10 * seats <= 8 * before && before > 0,
    hasDropped,
    nextEnd <= SOON && autoRenew !== "yes",
  );
}

function bitsOf(...holds) {
  return holds.reduce((bits, one, i) => bits | (one << i), 0);
}

// Whether a customer holds a product in one of L-3 … L-1 and not in L, and whether it holds one in L
// whose usage data has at least three months.
function productsOf({ rows, passes }, customer) {
  const { inLatest, inThreeBefore, monthsOfUse } = rows.people;
  const [first, end] = [rows.starts[customer], rows.starts[customer + 1]];
  const product = rows.codes.product;
  let [hasDropped, mayNeverUse] = [false, false];
  for (let row = first; row < end; row++) {
    if (!passes[row] || !product) continue;
    if (inLatest[row]) mayNeverUse ||= monthsOfUse[product[row]] >= 3;
    else if (inThreeBefore[row] && !hasDropped) {
      hasDropped = true;
      for (let other = first; other < end; other++) {
        if (passes[other] && inLatest[other] && product[other] === product[row]) hasDropped = false;
      }
    }
  }
  return { hasDropped, mayNeverUse };
}

function seatsBefore({ rows, passes }, customer) {
  const { seatsBefore: before, unit, isShared } = rows.people;
  let [sum, shared] = [NaN, null];
  for (let row = rows.starts[customer]; row < rows.starts[customer + 1]; row++) {
    if (!passes[row]) continue;
    for (let i = before.starts[row]; i < before.starts[row + 1]; i++) {
      if (isShared[row]) {
        shared ??= new Map();
        shared.set(unit[row], larger(before.seats[i], shared.get(unit[row]) ?? NaN));
      } else sum = plus(sum, before.seats[i]);
    }
  }
  shared?.forEach((seats) => {
    sum = plus(sum, seats);
  });
  return sum;
}

// Whether a customer is in A(m) for some month of the report's range.
function wasActive(sets, customer) {
  return sets.rows.people.usageKnown.some((known, window) => {
    const months = sets.current[window][customer] & known;
    return (months && months & usedIn(sets, customer, window)) !== 0;
  });
}

export function signals(sets) {
  const { rows } = sets;
  const { latest } = rows.people;
  const counts = new Int32Array(SIGNALS.length);
  let current = 0;
  for (let customer = 0; latest && customer < rows.customers; customer++) {
    if (!isCurrent(sets, customer, latest)) continue;
    current += 1;
    const bits = valuesOf(sets, customer).signals;
    for (let i = 0; bits >> i; i++) counts[i] += (bits >> i) & 1;
  }
  return SIGNALS.map((signal, i) => ({
    signal,
    customers: latest ? counts[i] : null,
    share_pct: current ? (100 * counts[i]) / current : null,
  }));
}

// Which column of renewals an end belongs to: 0 is past, 1 to 12 the months, 13 later.
export function periodsOf(people) {
  const starts = daysOfMonths(people);
  return (end) => (end < 0 ? 0 : starts.findLastIndex((start) => start <= end) + 1);
}

// The texts of those columns.
export function periodTexts({ asOf }) {
  const [year, month] = asOf.split("-").map(Number);
  const months = Array.from({ length: 12 }, (_, i) =>
    new Date(Date.UTC(year, month - 1 + i, 1)).toISOString().slice(0, 7),
  );
  return ["past", ...months, "later"];
}

export function renewals(sets) {
  const { rows } = sets;
  const { people, values } = rows;
  const texts = periodTexts(people);
  const periodOf = periodsOf(people);
  const cells = values.product.flatMap((product) =>
    texts.map((month) => ({
      row: { product, month, subscriptions: 0, customers: 0, seats: NaN, without_auto_renew: 0 },
      latest: -1, // customer that was counted
    })),
  );
  for (let customer = 0; customer < rows.customers; customer++) {
    eachRenewal(sets, customer, ({ product, end, seats: own, renews }) => {
      const cell = cells[product * texts.length + periodOf(end)];
      cell.row.subscriptions += 1;
      if (cell.latest !== customer) cell.row.customers += 1;
      cell.latest = customer;
      cell.row.seats = plus(cell.row.seats, own);
      if (renews & 2) cell.row.without_auto_renew += 1;
    });
  }
  return cells
    .filter(({ row }) => row.subscriptions)
    .map(({ row }) => ({ ...row, seats: orNull(row.seats) }));
}

/* Hands out the subscriptions of a customer that renewals counts: those of L with an id, a product
 * and an end. */
export function eachRenewal(sets, customer, each) {
  const { people, codes, subscription } = sets.rows;
  if (!people.latest || !codes.product) return;
  eachSubscription(sets, customer, people.latest, (row, own, assigned, end, renews) => {
    if (!subscription[row] || Number.isNaN(end)) return;
    each({ row, product: codes.product[row], seats: own, assigned, end, renews });
  });
}

/* Whether a subscription has some of a part of the seats; NaN is unknown. */
export const SEATS = {
  seats: ({ seats: sold }) => sold > 0,
  assigned_seats: ({ assigned }) => assigned > 0,
  idle_seats: ({ seats: sold, assigned }) => Math.abs(sold - assigned) > 0,
  assignment_unknown: ({ seats: sold, assigned }) => sold > 0 && Number.isNaN(assigned),
};

export function seats(sets) {
  const { rows } = sets;
  const { people, codes, values } = rows;
  const sums = values.product.map((product) => ({ product, sold: NaN, assigned: NaN, idle: NaN }));
  for (let customer = 0; codes.product && people.latest && customer < rows.customers; customer++) {
    eachSubscription(sets, customer, people.latest, (row, sold, assigned) => {
      const sum = sums[codes.product[row]];
      sum.sold = plus(sum.sold, sold);
      sum.assigned = plus(sum.assigned, assigned);
      sum.idle = plus(sum.idle, sold - assigned);
    });
  }
  const isKnown = ({ sold, assigned }) => !Number.isNaN(sold) || !Number.isNaN(assigned);
  // Sorting keeps the order of products with as many seats.
  return sums
    .filter(isKnown)
    .sort((a, b) => descending(a.sold, b.sold))
    .map(({ product, sold, assigned, idle }) => ({
      product,
      seats: orNull(sold),
      assigned_seats: orNull(assigned),
      idle_seats: orNull(idle),
    }));
}

// The most first, the unknown last.
function descending(a, b) {
  return (orNull(b) ?? -Infinity) - (orNull(a) ?? -Infinity) || 0;
}
