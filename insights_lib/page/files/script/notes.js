// What cards say of their numbers: what signals mean, of which months they are, and what the
// exports do not tell.

import { marked } from "./language.js";

// When each signal holds.
export const SIGNALS = {
  usage_falling: marked(
    "Use of a product fell by 30 % or more over the last six months of data: three months against the three before.",
  ),
  usage_stopped: marked(
    "Something was used within the range, but nothing in the last two months of data.",
  ),
  never_used: marked(
    "Nothing was used within the range, though there are at least three months of data on a product that the customer holds.",
  ),
  seats_falling: marked("Seats are down by 20 % or more against three months before."),
  product_dropped: marked("A product held in one of the three months before is no longer held."),
  ends_soon: marked("A term ends within 90 days, and is not known to renew by itself."),
};

// What in a table is of the report's own months.
const OF_OWN_MONTHS = {
  signals: marked("Signals"),
  customers: marked("Seats, ends, use and revenue"),
  renewals: marked("Ends and seats"),
  seats: marked("Seats"),
};

export function ownMonthsNote(table, { t, ownMonths }) {
  return t("{what} are those of the report's own months, {months}, whichever months are chosen.", {
    what: t(OF_OWN_MONTHS[table]),
    months: ownMonths,
  });
}

// A report viewer's page has no customers to count, only what a notebook has counted.
export function ownFiltersNote({ t, ownMonths }) {
  return t("This part keeps the filters and the months of the report, {months}.", {
    months: ownMonths,
  });
}

const MONTHS_OF_USE = { usage_falling: 6, usage_stopped: 1, never_used: 3 };
export const NOT_EXPORTED = marked("not in these exports");

/* What the exports of a report tell of: ids of subscriptions, seats, assigned, ends, renews, billed
 * and consumed as true or false, and use as the number of months that it is told of. A report
 * viewer's page knows what its fixed tables let it know, and nothing of renews. */
export function toldBy({ customers, subscriptions, people, has_usage, first }, fixed) {
  const { seats, renewals } = fixed;
  const any = (values) => values.some((value) => !Number.isNaN(value));
  const ids = !customers || subscriptions > 0;
  if (people) {
    const { lines, amounts, monthsOfUse } = people;
    return {
      ids,
      seats: any(lines.seats),
      assigned: any(lines.assigned),
      ends: any(lines.end),
      renews: lines.renews.some(Boolean),
      billed: any(amounts.billed),
      consumed: any(amounts.consumed),
      use: Math.max(0, ...monthsOfUse),
    };
  }
  return {
    ids,
    seats: !seats || seats.length > 0,
    ends: !renewals || renewals.length > 0,
    use: has_usage.slice(first).reduce((sum, flag) => sum + flag, 0),
  };
}

/* Why a signal cannot be known, or null where it can. */
export function whyUnknown(signal, told, t) {
  const months = MONTHS_OF_USE[signal];
  if (months && !told.use) return t(NOT_EXPORTED);
  if (told.use < months) return t("needs {count} months of use data", { count: t.exact(months) });
  if (signal === "seats_falling" && !told.seats) return t(NOT_EXPORTED);
  if (signal === "ends_soon" && !told.ends) return t(NOT_EXPORTED);
  return null;
}
