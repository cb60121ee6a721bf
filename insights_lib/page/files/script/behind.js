/* The customers or subscriptions behind a number: behind(source, mark).
 *
 * source is what countTables counts, {rows, selection, declared}, in the page of an executive report
 * viewer. mark says which number it is; it is made of texts, numbers and lists of them alone, so that
 * a link can hold it:
 *
 *   what     current, active, existing, added, churned, new, returning: as the definitions call them;
 *            subscriptions: those of a month; others: values drawn together; signal, cohort,
 *            renewals, seats: a row of that table
 *   months   of a level (current, active, subscriptions, others) the one month, of flows (added and all
 *            like it) the months that the number adds up, as `2025-01`
 *   where    {dimension: value, …}, the values as the tables show them: what a single row of the
 *            customer holds in the month, of churned customers in the month before. Of flows the
 *            product is a filter instead: who came to and left that product
 *   dimension, apart    of others: all values of the dimension but these
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
 *   values         a row for each customer and value: the same with `value`
 *   subscriptions  customer, customer_name, product, sku, seats, assigned_seats, next_end, auto_renew
 *
 * The month of a level must be one of the selection or the month before it, those of flows months of
 * the selection; others have no rows. Signals and renewals are those of the report's own range. */

import { customerRows, heldRows, listedCustomers } from "./customers.js";
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
import { SIGNALS, valuesOf } from "./signals.js";
import {
  renewingCustomers,
  renewingSubscriptions,
  subscriptionsOf,
  subscriptionsWithSeats,
} from "./subscriptions.js";

export function behind({ rows, selection }, mark) {
  if (!isMark(rows, mark)) return null;
  const { months = [], where = {}, apart = [] } = mark;
  const sets = openSets(rows, selection.facets);
  return MARKS[mark.what]({ rows, selection, sets }, { ...mark, months, where, apart });
}

// A link can say anything.
function isMark(rows, mark) {
  const isObject = (value) => typeof value === "object" && value !== null;
  const { what, months = [], where = {}, apart = [], dimension } = isObject(mark) ? mark : {};
  return (
    Object.hasOwn(MARKS, what) &&
    Array.isArray(months) &&
    Array.isArray(apart) &&
    isObject(where) &&
    [...Object.keys(where), ...(what === "others" ? [dimension] : [])].every((name) =>
      Object.hasOwn(rows.values, name),
    )
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
  others: othersBehind,
  subscriptions: subscriptionsBehind,
  renewals: renewalsBehind,
  seats: (source, mark) => ({
    kind: "subscriptions",
    rows: subscriptionsWithSeats(source, mark),
  }),
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

// A row for each value that a customer holds in a month, of those that are not drawn apart.
function othersBehind(source, { months, dimension, apart }) {
  const { rows, selection, sets } = source;
  const [month] = positions(rows, months, selection.first - 1, selection.last);
  const [codes, values] = [rows.codes[dimension], rows.values[dimension]];
  if (month === undefined || !codes) return { kind: "values", rows: [] };
  const isOther = values.map((value) => !apart.includes(value));
  const othersOf = (customer) =>
    [...new Set(heldRows(sets, customer, month).map((row) => codes[row]))]
      .filter((code) => isOther[code])
      .sort((a, b) => a - b);
  const chosen = listedCustomers(sets, selection);
  const found = customerRows(source, chosen).flatMap(({ number, row }) =>
    othersOf(number).map((code) => ({ ...row, value: values[code] })),
  );
  return { kind: "values", rows: found };
}

function subscriptionsBehind({ rows, selection, sets }, { months, where }) {
  const [month] = positions(rows, months, selection.first - 1, selection.last);
  const found =
    month === undefined ? [] : subscriptionsOf({ rows, sets }, month, matchingRow(rows, where));
  return { kind: "subscriptions", rows: found };
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

function renewalsBehind(source, mark) {
  if (mark.customers === true) return ownCustomers(source, renewingCustomers(source, mark));
  return { kind: "subscriptions", rows: renewingSubscriptions(source, mark) };
}
