// Texts, names, numbers and months in a reader's language.

export const UNKNOWN = "–"; // what a reader sees where a number cannot be known

const MINUS = "\u2212";

// Tables hold hundredths of a percent. Halves go away from zero, as in presentation/language.py.
function rounded(percent) {
  const tenths = Math.round(Math.round(Math.abs(percent) * 100) / 10) / 10;
  return percent < 0 ? 0 - tenths : tenths; // no minus before a zero
}

// A fixed text that is translated later.
export function marked(text) {
  return text;
}

/* A function that gives fixed texts in a language: t("{count} rows", { count }). Its methods write
 * names, numbers and months. texts holds what is written in place of the English, by the English. */
export function languageOf(locale, texts) {
  const t = (text, values = {}) =>
    (texts[text] ?? text).replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);

  // A metric, dimension or column as a reader calls it, such as "Partner location".
  const nameOf = (identifier) => {
    const text = identifier.replaceAll("_", " ");
    return t(text[0].toUpperCase() + text.slice(1));
  };
  // A name and what is said of it, such as "Product: Azure".
  const pair = (name, text) => t("{name}: {text}", { name, text });
  return Object.assign(
    t,
    { nameOf, pair, compare: new Intl.Collator(locale).compare },
    formats(locale, nameOf),
  );
}

function formats(locale, nameOf) {
  const format = (options) => new Intl.NumberFormat(locale, options);
  const two = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  const one = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  const count = format({ maximumFractionDigits: 2 });
  // Some languages shorten no thousands: these are grouped, as they are in full.
  const compact = format({ notation: "compact", maximumFractionDigits: 2, useGrouping: true });
  const tenths = format(one);
  const sign = format({ ...one, signDisplay: "exceptZero" });
  const plurals = new Intl.PluralRules(locale);
  const months = new Intl.DateTimeFormat(locale, {
    year: "numeric",
    month: "short",
    timeZone: "UTC",
  });

  const days = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });
  const moments = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  const money = format(two);

  // English is formatted with a hyphen, which is not as wide as a plus.
  const written = (style, number) => style.format(number).replace("-", MINUS);
  const exact = (number) => (number === null ? UNKNOWN : written(count, number));
  // Shortened as on the cards: 5.12K.
  const short = (number) =>
    number === null || Math.abs(number) < 1000 ? exact(number) : written(compact, number);
  const percent = (number, { signed = false } = {}) =>
    number === null ? UNKNOWN : `${written(signed ? sign : tenths, rounded(number))}\u00a0%`;
  // The one of two texts that goes with a number, with the number in it.
  const counted = (number, singular, plural) =>
    (plurals.select(number) === "one" ? singular : plural).replace("{count}", exact(number));
  // Every cell of a table has a month in the words of what it opens, and formats are slow.
  const month = remembered((text) => {
    if (text === null) return UNKNOWN;
    return text.includes("-") ? months.format(new Date(`${text}-01T00:00:00Z`)) : nameOf(text);
  });
  // "Jan – Dec 2025", or the one month that both are.
  const range = remembered((from, to) =>
    months.formatRange(...[from, to].map((text) => new Date(`${text}-01T00:00:00Z`))),
  );
  const day = (text) => days.format(new Date(`${text}T00:00:00Z`));
  const parts = count.formatToParts(12345.6);
  const separator = (type) => parts.find((part) => part.type === type)?.value ?? "";
  return {
    exact,
    short,
    percent,
    month,
    range,
    day,
    counted,
    money: (number) => written(money, number),
    moment: (text) => moments.format(new Date(text)), // where the reader is
    separators: separator("decimal") + separator("group"), // as plotly wants them
  };
}

// The same function, which computes only what it has not been asked for before.
function remembered(compute) {
  const known = new Map();
  return (...asked) => {
    const key = asked.join();
    if (!known.has(key)) known.set(key, compute(...asked));
    return known.get(key);
  };
}

/* A value as a reader sees it, by the kind of its column. */
export function shown(value, kind, t) {
  if (value === null) return UNKNOWN;
  if (kind === "name") return t.nameOf(value);
  if (kind === "names") return value.split("; ").map(t.nameOf).join("; ");
  if (kind === "month") return t.month(value);
  if (kind === "date") return t.day(value);
  if (kind === "money") return t.money(value);
  if (kind === "percent") return t.percent(value);
  return typeof value === "number" ? t.exact(value) : value;
}
