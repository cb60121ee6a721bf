// The subscriptions behind a number; what a mark says stands in behind.js.

import { byCodePoint, larger, orNull, plus } from "./columns.js";
import { heldRows, joinedValues, nameIn, nameText, rankOf } from "./customers.js";
import { dayText, eachSubscription } from "./people.js";
import { eachRenewal, periodsOf, periodTexts, RENEWS, SEATS } from "./signals.js";

/* Those of a month whose rows match, one for each id, whatever SKUs and customers have it. */
export function subscriptionsOf({ rows, sets }, month, matches) {
  const found = new Map();
  for (let customer = 0; customer < rows.customers; customer++) {
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
  return listed(sets, month, lines);
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

/* Those that end, as a mark of renewals says. */
export function renewingSubscriptions(source, mark) {
  const { rows, sets } = source;
  const lines = renewalLines(source, mark).map(({ customer, row, ...one }) => ({
    ...one,
    customers: [customer],
    held: [row],
  }));
  return listed(sets, rows.people.latest, lines);
}

/* The customers that have them, as numbers. */
export function renewingCustomers(source, mark) {
  return [...new Set(renewalLines(source, mark).map(({ customer }) => customer))];
}

function renewalLines({ rows, sets }, { product, end: asked, without_auto_renew: without }) {
  const { people, values } = rows;
  const texts = periodTexts(people);
  const periodOf = periodsOf(people);
  const lines = [];
  for (let customer = 0; customer < rows.customers; customer++) {
    eachRenewal(sets, customer, (one) => {
      if (product !== undefined && values.product[one.product] !== product) return;
      if (asked !== undefined && texts[periodOf(one.end)] !== asked) return;
      if (without && !(one.renews & 2)) return;
      lines.push({ ...one, customer });
    });
  }
  return lines;
}

/* Those that have some of the seats that a mark says. */
export function subscriptionsWithSeats({ rows, sets }, { product, part }) {
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
  return listed(sets, people.latest, lines);
}

// By name, key, product and SKU.
function listed(sets, month, lines) {
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
