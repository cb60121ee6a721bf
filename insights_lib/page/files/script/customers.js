// Customer by customer, as docs/definitions.md defines it, for executive report viewers alone. Status,
// months, names, dimensions and the number of subscriptions follow the months of the selection; seats,
// ends, use and revenue are those of the report's own range.

import { byCodePoint, larger, orNull, plus } from "./columns.js";
import { dayText } from "./people.js";
import { lackingIn } from "./rows.js";
import { holds, isAdded, isChurned, isCurrent, lastKnown } from "./sets.js";
import { signalNames, valuesOf } from "./signals.js";

/* The customers in C(m) for some month m of the selection or the month before it, as numbers. */
export function listedCustomers(sets, { first, last }) {
  return Array.from(sets.first.keys()).filter(
    (customer) => lastIn(sets, customer, first - 1, last) >= 0,
  );
}

/* Their rows, as the table customers has them: current ones first, then by name, then by key. Beside
 * them stands `number`, the customer. */
export function customerRows({ sets, selection }, numbers) {
  const { keys } = sets.rows.people;
  if (!made.has(selection)) made.set(selection, new Map());
  const kept = made.get(selection);
  const found = numbers.map((number) => {
    if (!kept.has(number)) kept.set(number, listing({ sets, selection }, number));
    return kept.get(number);
  });
  return found.sort((a, b) => a.order - b.order || byCodePoint(keys[a.number], keys[b.number]));
}

// What was made for a selection, by customer: the list and many marks show the same rows.
const made = new WeakMap();

// A customer with its row and its place in the order of the table.
function listing({ sets, selection }, number) {
  const { people, covered, has_ids: hasIds } = sets.rows;
  const latest = lastKnown(covered, selection.first, selection.last);
  const month = lastIn(sets, number, selection.first - 1, selection.last);
  const held = heldRows(sets, number, month);
  const isLost = !latest || month !== latest;
  const name = nameIn(people, held);
  return {
    number,
    order: rankOf(people, name) + (isLost ? people.names.length + 1 : 0),
    row: {
      customer: people.keys[number],
      customer_name: nameText(people, name),
      ...stayOf(sets, selection, { number, month, isLost }),
      ...heldOf(sets, held, lackingIn(sets.rows, selection)),
      subscriptions: latest && hasIds[latest] ? idsOf(sets.rows, held).size : null,
      ...ownOf(sets, number),
    },
  };
}

// The last month from first to last with the customer in C(m), -1 without any.
function lastIn(sets, customer, first, last) {
  for (let month = last; month >= first; month--) {
    if (isCurrent(sets, customer, month)) return month;
  }
  return -1;
}

/* The rows of a customer that pass and have a month. */
export function heldRows({ rows, passes }, customer, month) {
  const held = [];
  for (let row = rows.starts[customer]; row < rows.starts[customer + 1]; row++) {
    if (passes[row] && holds(rows, row, month)) held.push(row);
  }
  return held;
}

/* The name that rows have, as a position among names: the first in code point order, -1 without. */
export function nameIn({ nameOf }, held) {
  let name = -1;
  for (const row of held) {
    if (nameOf[row] >= 0 && (name < 0 || nameOf[row] < name)) name = nameOf[row];
  }
  return name;
}

/* Its place in the order of all names. */
export function rankOf({ unknownRank }, name) {
  return name < 0 ? unknownRank : name;
}

export function nameText({ names }, name) {
  return name < 0 ? "Unknown" : names[name];
}

function idsOf({ subscription }, held) {
  const ids = new Set(held.map((row) => subscription[row]));
  ids.delete(0);
  return ids;
}

// Status and months.
function stayOf(sets, { first, last }, { number, month, isLost }) {
  const { rows } = sets;
  const firstEver = sets.first[number];
  let [added, churned] = [-1, -1];
  for (let m = first; m <= last; m++) {
    if (isAdded(sets, number, m)) added = m;
    else if (isChurned(sets, number, m)) churned = m;
  }
  const came = added < 0 ? "existing" : firstEver < added ? "returned" : "new";
  const text = (m) => rows.months[m] ?? null;
  return {
    status: isLost ? "churned" : came,
    first_month: rows.covered[firstEver - 1] ? text(firstEver) : null,
    last_month: text(month),
    added_month: text(added),
    churned_month: isLost ? text(churned) : null,
  };
}

// The values that rows have, joined.
function heldOf(sets, held, lacking) {
  const { codes, values } = sets.rows;
  const joined = (dimension) =>
    lacking.includes(dimension) ? null : joinedValues(codes[dimension], values[dimension], held);
  return {
    customer_market: joined("customer_market"),
    customer_segment: joined("customer_segment"),
    partner_location: joined("partner_location"),
    partner_attribution: joined("partner_attribution"),
    sales_channel: joined("sales_channel"),
    products: joined("product"),
    skus: joined("sku"),
  };
}

/* The values of a dimension that rows hold, in the order of their texts; null if it is absent. */
export function joinedValues(codes, values, held) {
  if (!codes) return null;
  if (held.every((row) => codes[row] === codes[held[0]])) return values[codes[held[0]]];
  const found = [...new Set(held.map((row) => codes[row]))].sort((a, b) => a - b);
  return found.map((code) => values[code]).join("; ");
}

// What is of the report's own range.
function ownOf(sets, customer) {
  const { people, months, values } = sets.rows;
  const own = valuesOf(sets, customer);
  const { billed, consumed } = amountsOf(sets, customer);
  return {
    seats: orNull(own.seats),
    assigned_seats: orNull(own.assigned),
    billed_revenue_usd: orNull(billed),
    azure_consumed_usd: orNull(consumed),
    next_end: Number.isNaN(own.nextEnd) ? null : dayText(people, own.nextEnd),
    auto_renew: own.autoRenew,
    last_usage_month: months[own.lastUsage] ?? null,
    usage_change_pct: orNull(own.change),
    usage_change_product: values.product[own.changeProduct] ?? null,
    signals: signalNames(own.signals).join("; ") || null,
  };
}

// Of a subscription with several rows in a month the largest amounts count.
function amountsOf({ rows, passes }, customer) {
  const { amounts, unit } = rows.people;
  const shared = new Map();
  let [billed, consumed] = [NaN, NaN];
  for (let row = rows.starts[customer]; row < rows.starts[customer + 1]; row++) {
    if (!passes[row]) continue;
    for (let i = amounts.starts[row]; i < amounts.starts[row + 1]; i++) {
      if (amounts.month[i] < 0) {
        billed = plus(billed, amounts.billed[i]);
        consumed = plus(consumed, amounts.consumed[i]);
      } else {
        const key = unit[row] * rows.months.length + amounts.month[i];
        const other = shared.get(key) ?? { billed: NaN, consumed: NaN };
        shared.set(key, {
          billed: larger(other.billed, amounts.billed[i]),
          consumed: larger(other.consumed, amounts.consumed[i]),
        });
      }
    }
  }
  for (const one of shared.values()) {
    billed = plus(billed, one.billed);
    consumed = plus(consumed, one.consumed);
  }
  return { billed: rounded(billed), consumed: rounded(consumed) };
}

// To six decimals, as the library rounds sums.
function rounded(amount) {
  return (Math.sign(amount) * Math.round(Math.abs(amount) * 1e6)) / 1e6;
}
