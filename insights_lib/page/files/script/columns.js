// Packed columns as typed arrays.

// The numbers behind differences, each from the one before it.
export function runningSum(differences) {
  let sum = 0;
  return Int32Array.from(differences, (difference) => {
    sum += difference;
    return sum;
  });
}

// Where the entries of each key start; one entry more tells where those of the last one end.
export function startsOf(keys, count) {
  const starts = new Int32Array(count + 1);
  for (const key of keys) starts[key + 1] += 1;
  for (let key = 0; key < count; key++) starts[key + 1] += starts[key];
  return starts;
}

// Numbers that may be unknown, which NaN stands for.
export function numbersOf(column) {
  return Float64Array.from(column, (value) => value ?? NaN);
}

// Sums and largest values ignore what is unknown, and are unknown where all is.
export function plus(sum, value) {
  if (Number.isNaN(value)) return sum;
  return Number.isNaN(sum) ? value : sum + value;
}

export function larger(one, other) {
  return one >= other || Number.isNaN(other) ? one : other;
}

// Unknown is null in tables.
export function orNull(value) {
  return Number.isNaN(value) ? null : value;
}

// Texts in the order of their code points, in which the library sorts; JavaScript's own order is by
// halves of those beyond U+FFFF.
export function byCodePoint(a, b) {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return a.codePointAt(i) - b.codePointAt(i);
  }
  return a.length - b.length;
}
