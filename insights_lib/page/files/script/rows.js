// The rows of the report, as numbers: what insights_lib/page/rows.py packed, ready to be counted.

import { runningSum, startsOf } from "./columns.js";
import { openPeople } from "./people.js";
import { bitOf, windowOf } from "./sets.js";

// The text of a packed block: base64 of gzip, as it stands in the page.
export function unpacked(base64) {
  return inflated(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
}

// The text of bytes that gzip has made.
export async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/* Columns as typed arrays; a customer's rows and usage stand together, from starts[c] on. declared
 * is what insights_lib/tables.py declares.
 *
 * Months are positions among all that were read: the report's own range is from `first` to `end`,
 * and there is a month before it, as there is before all that a reader can choose. lastEver is, for
 * each set of months, the last one, lastSeen the last one in the range or the month before it; -1
 * without any. */
export function openRows(packed, declared) {
  const { rows, usage, patterns } = packed;
  // A dimension that the exports do not have has no codes.
  const isThere = (name) => name in rows;
  const facets = declared.facets.filter(isThere);
  const dimensions = declared.dimensions.filter(isThere);
  const customer = runningSum(rows.customer);
  const customers = customer.length ? customer.at(-1) + 1 : 0;
  const subscription = runningSum(rows.subscription);
  const lastEver = Int32Array.from(patterns, (bits) => lastOf(bits, packed.months.length));
  const opened = {
    ...packed,
    end: packed.months.length - 1,
    facets,
    dimensions,
    customers,
    subscriptions: subscription.reduce((most, number) => Math.max(most, number), 0),
    subscription,
    codes: Object.fromEntries(dimensions.map((name) => [name, Int32Array.from(rows[name])])),
    pattern: Int32Array.from(rows.pattern),
    starts: startsOf(customer, customers),
    usage: {
      starts: startsOf(runningSum(usage.customer), customers),
      product: Int32Array.from(usage.product),
      pattern: Int32Array.from(usage.pattern),
    },
    windows: (patterns[0] ?? [0]).map((_, w) => Int32Array.from(patterns, (bits) => bits[w])),
    plans: plansOf(rows, packed.values.sku.length),
    lastEver,
    lastSeen: lastEver.map((month) => (month >= packed.first - 1 ? month : -1)),
    lastHeld: Object.fromEntries(
      facets.map((name) => [
        name,
        lastHeldOf(packed.values[name].length, rows[name], rows.pattern, lastEver),
      ]),
    ),
  };
  return packed.people ? { ...opened, people: openPeople(packed.people, opened) } : opened;
}

// The last month in which a row holds each value of a facet.
function lastHeldOf(values, codes, pattern, lastEver) {
  const held = new Int32Array(values).fill(-1);
  codes.forEach((code, row) => {
    held[code] = Math.max(held[code], lastEver[pattern[row]]);
  });
  return held;
}

function lastOf(bits, months) {
  for (let month = months - 1; month >= 0; month--) {
    if (bits[windowOf(month)] & bitOf(month)) return month;
  }
  return -1;
}

// The SKUs of products: the pairs that occur, in order, and which of them each row has.
function plansOf({ product, sku }, skus) {
  if (!product || !sku) return { pairs: [], codes: new Int32Array() };
  const plan = product.map((code, i) => code * skus + sku[i]);
  const numbers = [...new Set(plan)].sort((a, b) => a - b);
  const codeOf = new Map(numbers.map((number, i) => [number, i]));
  return {
    pairs: numbers.map((number) => ({ product: Math.floor(number / skus), sku: number % skus })),
    codes: Int32Array.from(plan, (number) => codeOf.get(number)),
  };
}

/* The dimensions that the exports of a range do not have, though others have them. */
export function lackingIn({ lacking, covered }, { first, last }) {
  const isLacking = (flags) => {
    const told = flags.slice(first, last + 1).filter((_, i) => covered[first + i]);
    return told.length > 0 && told.every(Boolean);
  };
  return Object.keys(lacking).filter((name) => isLacking(lacking[name]));
}

/* The values of a facet that rows hold from the month before some month on; rows.values has those of
 * all months that were read. */
export function valuesSeen({ values, lastHeld }, facet, first) {
  return values[facet].filter((_, code) => lastHeld[facet]?.[code] >= first - 1);
}

/* What filters, notes and charts must know of open rows, without the rows themselves. */
export function outlineOf(rows) {
  const { months, first, covered, has_usage, has_ids, values, lastHeld } = rows;
  const { customers, subscriptions } = rows;
  return { months, first, covered, has_usage, has_ids, values, lastHeld, customers, subscriptions };
}

// The codes of texts as a reader or a link names them; case does not matter. A text that no row
// holds has no code: it lets nothing pass.
export function codesOf(rows, facet, texts) {
  const wanted = new Set(texts.map(lowered));
  const found = rows.values[facet].flatMap((value, code) =>
    wanted.has(lowered(value)) ? [code] : [],
  );
  return new Set(found);
}

// Simple lower case, code point by code point, as the library compares texts.
function lowered(text) {
  return Array.from(text, (one) => String.fromCodePoint(one.toLowerCase().codePointAt(0))).join("");
}
