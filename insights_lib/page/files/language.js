// Texts, names, numbers and months in the reader's language.

let language = { locale: "en", texts: {} };
let formats = {};

// texts: what is written in place of the English, by the English.
export function useLanguage(locale, texts) {
  language = { locale, texts };
  const number = (options) => new Intl.NumberFormat(locale, options);
  const two = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  formats = {
    count: number({ maximumFractionDigits: 2 }),
    short: number({ notation: "compact", maximumFractionDigits: 2 }),
    signed: number({ ...two, signDisplay: "exceptZero" }),
    month: new Intl.DateTimeFormat(locale, { year: "numeric", month: "short", timeZone: "UTC" }),
    order: new Intl.Collator(locale),
  };
}

// A fixed text; {names} in it are filled in.
export function words(text, values = {}) {
  const translated = language.texts[text] ?? text;
  return translated.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A fixed text that words() is given later.
export function marked(text) {
  return text;
}

// A metric, dimension or column as a reader calls it, such as "Partner location".
export function nameOf(identifier) {
  const text = identifier.replaceAll("_", " ");
  return words(text[0].toUpperCase() + text.slice(1));
}

export const UNKNOWN = "–"; // what a reader sees where a number cannot be known

export function exact(number) {
  return number === null ? UNKNOWN : formats.count.format(number);
}

// Shortened as on the cards: 5.12K.
export function short(number) {
  return number === null || Math.abs(number) < 1000 ? exact(number) : formats.short.format(number);
}

export function percent(number, { signed = false } = {}) {
  if (number === null) return UNKNOWN;
  return `${(signed ? formats.signed : formats.count).format(number)}\u00a0%`;
}

export function monthName(month) {
  return month === null ? UNKNOWN : formats.month.format(new Date(`${month}-01T00:00:00Z`));
}

// Which of two texts comes first for a reader.
export function inOrder(a, b) {
  return formats.order.compare(a, b);
}

// The decimal and the group separator, as plotly wants them.
export function separators() {
  const parts = formats.count.formatToParts(12345.6);
  return ["decimal", "group"]
    .map((type) => parts.find((part) => part.type === type)?.value ?? "")
    .join("");
}

// A value of a table's column as a reader sees it.
export function shown(value, column) {
  if (value === null) return UNKNOWN;
  if (column === "month") return monthName(value);
  if (column === "metric" || column === "dimension") return nameOf(value);
  if (typeof value !== "number") return value;
  return column.endsWith("_pct") ? percent(value) : exact(value);
}
