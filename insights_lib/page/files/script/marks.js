// Marks: what stands behind a number. Each is as behind.js takes it; here is which number has which,
// how a reader calls it, and how the address of the page keeps it.

import { marked } from "./language.js";
import { SEATS } from "./signals.js";

// What is behind each kind of mark, in the words of its chip.
const WORDS = {
  current: marked("current in {months}"),
  active: marked("active in {months}"),
  added: marked("added in {months}"),
  churned: marked("churned in {months}"),
  existing: marked("in {months} and the month before"),
  new: marked("new in {months}"),
  returning: marked("returned in {months}"),
  others: marked("current in {months}"),
  subscriptions: marked("subscriptions in {months}"),
  cohort: marked("new in {cohort}, current in {now}"),
};
const PREFIX = "list";
const MONTH_MARKS = new Set(Object.keys(WORDS));

/* What the numbers of all tables open: a function of a table's name, one of its rows and a column,
 * which gives a mark, or null where there is nothing to open. Where a chart draws values of a dimension
 * together, the row has `apart` in place of a value: those that it draws alone. */
export function marksOf(tables) {
  const months = tables.summary_trend.map(({ month }) => month);
  const lastOf = (name) => tables.summary.find(({ metric }) => metric === name).month;
  const source = {
    months,
    latest: [lastOf("current_customers")],
    latestActive: [lastOf("active_customers")],
    // A product may be called like all of them together, whose rows come first.
    ofAll: new Set(tables.adds_and_churns.slice(0, months.length)),
  };
  return (table, row, column) =>
    row[column] > 0 ? (MARKS[table]?.(row, column, source) ?? null) : null;
}

const MARKS = {
  summary: ({ metric, month }, column, { months }) => {
    if (column !== "value") return null;
    const [what, when] = {
      current_customers: ["current", [month]],
      active_customers: ["active", [month]],
      subscriptions: ["subscriptions", [month]],
      customers_added: ["added", months],
      customers_churned: ["churned", months],
      last_month_churn: ["churned", [month]],
    }[metric] ?? [null];
    return what && { what, months: when };
  },
  summary_trend: ({ month }, column) => ofMonth(SERIES[column], month),
  active_customers: ({ month }, column) => ofMonth(SERIES[column], month),
  summary_products: ({ product }, column, { latest }) =>
    column === "customers" ? { what: "current", months: latest, where: { product } } : null,
  geographical_spread: ({ customer_market }, column, { months, latest, latestActive }) => {
    const where = { customer_market };
    return (
      {
        current_customers: { what: "current", months: latest, where },
        active_customers: { what: "active", months: latestActive, where },
        new_customers: { what: "added", months, where },
      }[column] ?? null
    );
  },
  adds_and_churns: (row, column, { ofAll }) => {
    if (!["existing", "added", "churned"].includes(column)) return null;
    const mark = { what: column, months: [row.month] };
    return ofAll.has(row) ? mark : { ...mark, where: { product: row.product } };
  },
  distribution: ({ dimension, value }, column, { latest }) =>
    column === "customers"
      ? { what: "current", months: latest, where: { [dimension]: value } }
      : null,
  products: ({ product, sku, apart }, column, { latest }) => {
    if (column !== "customers") return null;
    if (apart) return { what: "others", months: latest, dimension: "product", apart };
    const where = sku === "" ? { product } : { product, sku };
    return { what: "current", months: latest, where };
  },
  distribution_trend: ({ dimension, value, month, apart }, column) => {
    if (column !== "customers") return null;
    if (apart) return { what: "others", months: [month], dimension, apart };
    return { what: "current", months: [month], where: { [dimension]: value } };
  },
  bridge: ({ month }, column) =>
    ({
      start: { what: "current", months: [monthBefore(month)] },
      new: { what: "new", months: [month] },
      returning: { what: "returning", months: [month] },
      churned: { what: "churned", months: [month] },
      end: { what: "current", months: [month] },
    })[column] ?? null,
  cohorts: ({ cohort, months_since: since }, column) =>
    column === "customers" ? { what: "cohort", cohort, since } : null,
  signals: ({ signal }, column) => (column === "customers" ? { what: "signal", signal } : null),
  renewals: ({ product, month }, column) => {
    const mark = { what: "renewals", ...(product ? { product } : {}), end: month };
    return (
      {
        subscriptions: mark,
        seats: mark,
        customers: { ...mark, customers: true },
        auto_renew_on_or_unknown: { ...mark, without_auto_renew: false },
        without_auto_renew: { ...mark, without_auto_renew: true },
      }[column] ?? null
    );
  },
  seats: ({ product }, column) =>
    Object.hasOwn(SEATS, column) ? { what: "seats", product, part: column } : null,
};

const SERIES = {
  current_customers: "current",
  active_customers: "active",
  subscriptions: "subscriptions",
  customers_added: "added",
  customers_churned: "churned",
};

function ofMonth(what, month) {
  return what ? { what, months: [month] } : null;
}

function monthBefore(month) {
  return monthAfter(month, -1);
}

export function monthAfter(month, count) {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number - 1 + count)).toISOString().slice(0, 7);
}

/* A mark in a reader's words: "churned in Mar 2025, Azure". */
export function wordsOf(mark, t) {
  const values = Object.values(mark.where ?? {});
  const others = mark.apart && othersWords(mark, t);
  return [mainWords(mark, t), mark.product, ...values, others].filter(Boolean).join(", ");
}

function mainWords(mark, t) {
  const { what, months, cohort, since, end } = mark;
  if (what === "signal") return t.nameOf(mark.signal);
  if (what === "seats") return t.nameOf(mark.part);
  if (what === "renewals") return renewalWords(end, mark.without_auto_renew, t);
  const values = months
    ? { months: t.range(months[0], months.at(-1)) }
    : { cohort: t.month(cohort), now: t.month(monthAfter(cohort, since)) };
  return t(WORDS[what], values);
}

function othersWords({ dimension, apart }, t) {
  return t("{dimension} other than {values}", {
    dimension: t.nameOf(dimension),
    values: apart.join("; "),
  });
}

const RENEWS = {
  false: marked("auto-renewal on or unknown"),
  true: marked("without auto-renewal"),
};

function renewalWords(end, without, t) {
  const several = {
    past: marked("ended before the report was made"),
    later: marked("ending more than twelve months ahead"),
  };
  const words = t(several[end] ?? marked("ending in {month}"), { month: t.month(end) });
  return without === undefined ? words : `${words}, ${t(RENEWS[without])}`;
}

const KEPT = [
  ...["signal", "cohort", "since", "product", "part", "end", "dimension"],
  ...["without_auto_renew", "customers"],
];

/* A mark as parameters of the address, each under a name that no filter has. */
export function writeMark(mark) {
  const kept = [[PREFIX, mark.what]];
  const keep = (name, value) => kept.push([`${PREFIX}.${name}`, String(value)]);
  if (mark.months) keep("months", [...new Set([mark.months[0], mark.months.at(-1)])].join("_"));
  for (const [name, value] of Object.entries(mark.where ?? {})) keep(`where.${name}`, value);
  for (const name of KEPT) {
    if (mark[name] !== undefined) keep(name, mark[name]);
  }
  for (const value of mark.apart ?? []) keep("apart", value);
  return String(new URLSearchParams(kept));
}

/* The mark that an address keeps; null if it keeps none, or one that this report cannot have.
 * declared is what insights_lib/tables.py declares, months are those that were read. */
export function readMark(text, known) {
  const asked = new URLSearchParams(text);
  const what = asked.get(PREFIX);
  const get = (name) => asked.get(`${PREFIX}.${name}`) ?? undefined;
  const all = (name) => asked.getAll(`${PREFIX}.${name}`);
  const read = Object.hasOwn(READERS, what) ? READERS[what] : MONTH_MARKS.has(what) && readMonths;
  const found = read && read(get, known, all);
  return found ? { what, ...found } : null;
}

const READERS = {
  others(get, { declared, months }, all) {
    const [dimension, apart] = [get("dimension"), all("apart")];
    const span = readMonths(get, { declared, months });
    const isKnown = span && declared.dimensions.includes(dimension) && apart.length > 0;
    return isKnown && { months: span.months, dimension, apart };
  },
  signal(get, { signals }) {
    const signal = get("signal");
    return signals.includes(signal) && { signal };
  },
  cohort(get, { months }) {
    const [cohort, since] = [get("cohort"), Number(get("since"))];
    return months.includes(cohort) && since >= 0 && Number.isInteger(since) && { cohort, since };
  },
  renewals(get) {
    const [product, end, without] = [get("product"), get("end"), get("without_auto_renew")];
    if (!/^(past|later|\d{4}-(0[1-9]|1[0-2]))$/.test(end)) return null;
    return {
      ...(product === undefined ? {} : { product }),
      end,
      ...(without in RENEWS ? { without_auto_renew: without === "true" } : {}),
      ...(get("customers") === "true" ? { customers: true } : {}),
    };
  },
  seats(get) {
    const [product, part] = [get("product"), get("part")];
    return product !== undefined && Object.hasOwn(SEATS, part) && { product, part };
  },
};

function readMonths(get, { declared, months }) {
  const [from, to = from] = (get("months") ?? "").split("_").map((month) => months.indexOf(month));
  if (from < 0 || to < from) return null;
  const where = declared.dimensions
    .map((name) => [name, get(`where.${name}`)])
    .filter(([, value]) => value !== undefined);
  return {
    months: months.slice(from, to + 1),
    ...(where.length ? { where: Object.fromEntries(where) } : {}),
  };
}
