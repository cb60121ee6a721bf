/* The customers or subscriptions behind a number: behind(source, mark).
 *
 * source is what countTables counts, {rows, selection, declared}, in the page of an executive report
 * viewer. mark says which number it is; it is made of texts, numbers and lists of them alone, so that
 * a link can hold it:
 *
 *   what     current, active, existing, added, churned, new, returning: as the definitions call them;
 *            subscriptions: those of a month; signal, cohort, renewals, seats: a row of that table
 *   months   of a level (current, active, subscriptions) the one month, of flows (all others of the
 *            first line) the months that the number adds up, as `2025-01`
 *   where    {dimension: value, …}, the values as the tables show them: what a single row of the
 *            customer holds in the month, of churned customers in the month before. Of flows the
 *            product is a filter instead: who came to and left that product
 *   signal   usage_falling, …
 *   cohort, since       the month of the cohort, and how many months later
 *   product, end        of renewals: the product, and a month, `past` or `later`; what is left out
 *                       lets everything pass
 *   without_auto_renew  true: of renewals only those with auto-renewal off
 *   customers           true: of renewals the customers in place of the subscriptions
 *   product, part       of seats: the product, and seats, assigned_seats, idle_seats or
 *                       assignment_unknown: the subscriptions that have some of them
 *
 * Gives {kind, rows}, as many rows as the number, unless it counts seats; null if the mark is of no
 * such form:
 *
 *   customers      a row for each, as the table customers has it, in its order; of signals as it has
 *                  them for the report's own range
 *   flows          a row for each customer and month: the same with `month`, by month
 *   subscriptions  customer, customer_name, product, sku, seats, assigned_seats, next_end, auto_renew
 *
 * The month of a level must be one of the selection or the month before it, those of flows months of
 * the selection; others have no rows. Signals and renewals are those of the report's own range. */

import { byCodePoint, larger, orNull, plus } from "./columns.js";
import {
  customerRows,
  heldRows,
  joinedValues,
  listedCustomers,
  nameIn,
  nameText,
  rankOf,
} from "./customers.js";
import { dayText, eachSubscription } from "./people.js";
import {
  isActive,
  isAdded,
  isChurned,
  isCurrent,
  isExisting,
  isNew,
  isReturning,
  openSets,
} from "./sets.js";
import {
  eachRenewal,
  periodsOf,
  periodTexts,
  RENEWS,
  SEATS,
  SIGNALS,
  valuesOf,
} from "./signals.js";

export function behind({ rows, selection }, mark) {
  if (!isMark(rows, mark)) return null;
  const { months = [], where = {} } = mark;
  const sets = openSets(rows, selection.facets);
  return MARKS[mark.what]({ rows, selection, sets }, { ...mark, months, where });
}

// A link can say anything.
function isMark(rows, mark) {
  const isObject = (value) => typeof value === "object" && value !== null;
  const { what, months = [], where = {} } = isObject(mark) ? mark : {};
  return (
    Object.hasOwn(MARKS, what) &&
    Array.isArray(months) &&
    isObject(where) &&
    Object.keys(where).every((dimension) => Object.hasOwn(rows.values, dimension))
  );
}

const MARKS = {
  current: level(isCurrent),
  active: level(isActive),
  existing: flow(isExisting),
  added: flow(isAdded),
  new: flow(isNew),
  returning: flow(isReturning),
  churned: flow(isChurned, -1),
  signal: signalBehind,
  cohort: customersBehind(({ rows, selection, sets }, { cohort, since }) => {
    const [start] = positions(rows, [cohort], selection.first, selection.last);
    return (customer) => isNew(sets, customer, start) && isCurrent(sets, customer, start + since);
  }),
  subscriptions: subscriptionsBehind,
  renewals: renewalsBehind,
  seats: seatsBehind,
};

// A mark behind which there are customers; choosing gives for a mark which ones.
function customersBehind(choosing) {
  return (source, mark) => {
    const isChosen = choosing(source, mark);
    const chosen = listedCustomers(source.sets, source.selection).filter(isChosen);
    const rows = customerRows(source, chosen).map(({ row }) => row);
    return { kind: "customers", rows };
  };
}

function signalBehind({ rows, selection, sets }, { signal }) {
  const { latest } = rows.people;
  const bit = 1 << SIGNALS.indexOf(signal);
  const chosen = Array.from(sets.first.keys()).filter(
    (customer) =>
      isCurrent(sets, customer, latest) && (valuesOf(sets, customer).signals & bit) !== 0,
  );
  return ownCustomers({ rows, selection, sets }, chosen);
}

// Signals and renewals are of the report's own range, so the customers are as they are there.
function ownCustomers({ rows, selection, sets }, chosen) {
  const isOwn = selection.first === rows.first && selection.last === rows.end;
  const range = isOwn ? selection : { first: rows.first, last: rows.end };
  const found = customerRows({ sets, selection: range }, chosen);
  return { kind: "customers", rows: found.map(({ row }) => row) };
}

function level(isIn) {
  return customersBehind(({ rows, selection, sets }, { months, where }) => {
    const [month] = positions(rows, months, selection.first - 1, selection.last);
    if (month === undefined) return () => false;
    const matches = matching(sets, where);
    return (customer) => isIn(sets, customer, month) && matches(customer, month);
  });
}

// Customers of flows are found among the rows of a month: the same one, or the one before it.
function flow(isIn, offset = 0) {
  return (source, { months, where }) => {
    const { rows, selection } = source;
    const { product, ...others } = where;
    const sets = product === undefined ? source.sets : ofProduct(source, product);
    const matches = matching(sets, others);
    const isChosen = (customer, month) =>
      isIn(sets, customer, month) && matches(customer, month + offset);
    const span = positions(rows, months, selection.first, selection.last);
    const chosen = listedCustomers(source.sets, selection).filter((customer) =>
      span.some((month) => isChosen(customer, month)),
    );
    const listed = customerRows(source, chosen);
    const found = span.flatMap((month) =>
      listed
        .filter(({ number }) => isChosen(number, month))
        .map(({ row }) => ({ ...row, month: rows.months[month] })),
    );
    return { kind: "flows", rows: found };
  };
}

// The sets with a product put into F first.
function ofProduct({ rows, selection }, product) {
  const code = rows.values.product.indexOf(product);
  const isIn = code >= 0 && (selection.facets.product?.has(code) ?? true);
  return openSets(rows, { ...selection.facets, product: new Set(isIn ? [code] : []) });
}

// The positions of months that lie within two others.
function positions(rows, months, first, last) {
  const found = months.map((month) => rows.months.indexOf(month));
  return found.filter((month) => month >= first && month <= last).sort((a, b) => a - b);
}

// Whether a row of a customer, of those that pass, holds some values in a month.
function matching(sets, where) {
  if (!Object.keys(where).length) return () => true;
  const matches = matchingRow(sets.rows, where);
  return (customer, month) => heldRows(sets, customer, month).some(matches);
}

function matchingRow(rows, where) {
  const wanted = Object.entries(where).map(([dimension, value]) => ({
    codes: rows.codes[dimension] ?? [],
    code: rows.values[dimension].indexOf(value),
  }));
  return (row) => wanted.every(({ codes, code }) => codes[row] === code);
}

// The subscriptions of a month, one row for each id, whatever SKUs and customers have it.
function subscriptionsBehind({ rows, selection, sets }, { months, where }) {
  const [month] = positions(rows, months, selection.first - 1, selection.last);
  const matches = matchingRow(rows, where);
  const found = new Map();
  for (let customer = 0; month !== undefined && customer < rows.customers; customer++) {
    for (const row of heldRows(sets, customer, month).filter(matches)) {
      const id = rows.subscription[row];
      if (!found.has(id)) found.set(id, new Map());
      if (!found.get(id).has(customer)) found.get(id).set(customer, []);
      found.get(id).get(customer).push(row);
    }
  }
  found.delete(0); // these have no id
  const lines = [...found].map(([id, held]) => ({
    ...linesOf(sets, id, [...held.keys()]),
    customers: [...held.keys()],
    held: [...held.values()].flat(),
  }));
  return { kind: "subscriptions", rows: subscriptionRows(sets, month, lines) };
}

// What an id has in its own last month in the report's range and the month before it.
function linesOf({ rows, passes }, id, customers) {
  const sum = { seats: NaN, assigned: NaN, end: NaN, renews: 0 };
  for (const customer of customers) {
    const isOwn = (row) => rows.subscription[row] === id;
    const own = rowsOf(rows, customer).filter((row) => passes[row] && isOwn(row));
    const last = Math.max(...own.map((row) => rows.lastSeen[rows.pattern[row]]));
    eachSubscription({ rows, passes }, customer, last, (row, seats, assigned, end, renews) => {
      if (!isOwn(row)) return;
      sum.seats = plus(sum.seats, seats);
      sum.assigned = plus(sum.assigned, assigned);
      sum.end = larger(sum.end, end);
      sum.renews |= renews;
    });
  }
  return sum;
}

function rowsOf({ starts }, customer) {
  const count = starts[customer + 1] - starts[customer];
  return Array.from({ length: count }, (_, i) => starts[customer] + i);
}

function renewalsBehind(source, mark) {
  const { rows, sets } = source;
  const { product, end: asked, without_auto_renew: without } = mark;
  const { people, values } = rows;
  const texts = periodTexts(people);
  const periodOf = periodsOf(people);
  const lines = [];
  for (let customer = 0; customer < rows.customers; customer++) {
    eachRenewal(sets, customer, (one) => {
      if (product !== undefined && values.product[one.product] !== product) return;
      if (asked !== undefined && texts[periodOf(one.end)] !== asked) return;
      if (without && !(one.renews & 2)) return;
      lines.push({ ...one, customers: [customer], held: [one.row] });
    });
  }
  if (mark.customers === true)
    return ownCustomers(source, [...new Set(lines.map(({ customers: [only] }) => only))]);
  return { kind: "subscriptions", rows: subscriptionRows(sets, people.latest, lines) };
}

function seatsBehind({ rows, sets }, { product, part }) {
  const { people, codes, values } = rows;
  const code = values.product.indexOf(product);
  const lines = [];
  const isKnown = people.latest && codes.product && Object.hasOwn(SEATS, part);
  for (let customer = 0; isKnown && customer < rows.customers; customer++) {
    eachSubscription(sets, customer, people.latest, (row, seats, assigned, end, renews) => {
      if (codes.product[row] !== code || !SEATS[part]({ seats, assigned })) return;
      lines.push({ customers: [customer], held: [row], seats, assigned, end, renews });
    });
  }
  return { kind: "subscriptions", rows: subscriptionRows(sets, people.latest, lines) };
}

// By name, key, product and SKU.
function subscriptionRows(sets, month, lines) {
  const { people, codes, values } = sets.rows;
  const found = lines.map(({ customers, held, seats, assigned, end, renews }) => {
    const names = customers.map((number) => nameIn(people, heldRows(sets, number, month)));
    return {
      rank: Math.min(...names.map((name) => rankOf(people, name))),
      row: {
        customer: joined(customers.map((customer) => people.keys[customer])),
        customer_name: joined(names.map((name) => nameText(people, name))),
        product: joinedValues(codes.product, values.product, held),
        sku: joinedValues(codes.sku, values.sku, held),
        seats: orNull(seats),
        assigned_seats: orNull(assigned),
        next_end: Number.isNaN(end) ? null : dayText(people, end),
        auto_renew: RENEWS[renews],
      },
    };
  });
  const order = ["customer", "product", "sku"];
  const compare = (a, b) => (name) => byCodePoint(a[name] ?? "", b[name] ?? "");
  found.sort((a, b) => a.rank - b.rank || order.map(compare(a.row, b.row)).find(Boolean) || 0);
  return found.map(({ row }) => row);
}

function joined(texts) {
  return texts.length === 1 ? texts[0] : [...new Set(texts)].sort(byCodePoint).join("; ");
}
