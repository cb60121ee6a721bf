// The rows of the report, as numbers: what insights_lib/page/rows.py packed, ready to be counted.

// The text of a packed block: base64 of gzip, as it stands in the page.
export async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// Columns as typed arrays; a customer's rows and usage stand together, from starts[c] on. declared
// is what insights_lib/tables.py declares.
export function openRows(packed, declared) {
  const { rows, usage, patterns } = packed;
  // A dimension that the exports do not have has no values, and no codes.
  const isThere = (name) => packed.values[name].length > 0;
  const facets = declared.facets.filter(isThere);
  const dimensions = declared.dimensions.filter((name) => name in rows);
  const customer = runningSum(rows.customer);
  const customers = customer.length ? customer.at(-1) + 1 : 0;
  const subscription = runningSum(rows.subscription);
  return {
    ...packed,
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
  };
}

function runningSum(differences) {
  let sum = 0;
  return Int32Array.from(differences, (difference) => {
    sum += difference;
    return sum;
  });
}

// Where the rows of each customer start; one entry more tells where those of the last one end.
function startsOf(customer, customers) {
  const starts = new Int32Array(customers + 1);
  for (const number of customer) starts[number + 1] += 1;
  for (let c = 0; c < customers; c++) starts[c + 1] += starts[c];
  return starts;
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
