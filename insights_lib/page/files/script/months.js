// The tables by month: the key figures and their series, the bridge, the cohorts.

import { hasFlows } from "./sets.js";

export function share(number, total) {
  return number === null || !total ? null : (100 * number) / total;
}

// From one value to another in percent; null where one is not known, or from zero.
function change(before, after) {
  if (before === null || after === null || before <= 0) return null;
  return (100 * (after - before)) / before;
}

/* From the first known value to the last, in percent; null without two, or from zero. */
export function growth(series) {
  const known = series.filter((value) => value !== null);
  return known.length < 2 ? null : change(known[0], known.at(-1));
}

/* Existing, added and churned customers of a key in a month. */
export function flows({ rows }, month, { current, existing, key }) {
  if (!hasFlows(rows, month)) return { existing: null, added: null, churned: null };
  const kept = existing.of(key, month);
  return {
    existing: kept,
    added: current.of(key, month) - kept,
    churned: current.of(key, month - 1) - kept,
  };
}

// The series behind the cards, of any months; null where one is not known, or was not read.
function seriesOf({ rows, counted }, months) {
  const { current, existing } = counted;
  const known = (flags, tally, month) => (flags[month] ? tally.of(0, month) : null);
  return months.map((month) => {
    const { added, churned } = flows({ rows }, month, { current, existing, key: 0 });
    return {
      month: rows.months[month],
      current_customers: known(rows.covered, current, month),
      active_customers: known(rows.has_usage, counted.active, month),
      subscriptions: known(rows.has_ids, counted.subscriptions, month),
      customers_added: added,
      customers_churned: churned,
    };
  });
}

export function summaryTrend(source) {
  return seriesOf(source, source.months);
}

export function activeCustomers(source) {
  return summaryTrend(source).map(({ month, active_customers, current_customers }) => ({
    month,
    active_customers,
    current_customers,
  }));
}

// Flows of a period before are known as a whole or not at all.
const OF_FLOWS = ["customers_added", "customers_churned", "net_customers_added", "churn_rate_pct"];

export function summary(source) {
  const { months } = source;
  const now = periodOf(source, months);
  const before = periodOf(
    source,
    months.map((month) => month - months.length),
  );
  return Object.entries(now.cards).map(([metric, { value, month }]) => {
    const isFlow = OF_FLOWS.includes(metric);
    const previous = isFlow && !before.allFlows ? null : before.cards[metric].value;
    return {
      metric,
      value,
      growth_pct: growth(now.series.map((row) => row[metric] ?? null)),
      month,
      previous_value: previous,
      change_pct: isFlow && !now.allFlows ? null : change(previous, value),
    };
  });
}

// Value and month of each metric over some months, and whether all of their flows are known.
function periodOf(source, months) {
  const { rows, counted } = source;
  const series = seriesOf(source, months);
  const last = (name) => {
    const row = series.findLast((one) => one[name] !== null);
    return { value: row?.[name] ?? null, month: row?.month ?? null };
  };
  const churn = last("customers_churned");
  const total = (value) => ({ value: churn.month === null ? null : value, month: churn.month });
  const sum = (name) => series.reduce((all, row) => all + row[name], 0);
  const withFlows = months.filter((month) => hasFlows(rows, month));
  const base = withFlows.length ? counted.current.of(0, withFlows[0] - 1) : 0;
  return {
    series,
    allFlows: withFlows.length === months.length,
    cards: {
      current_customers: last("current_customers"),
      active_customers: last("active_customers"),
      subscriptions: last("subscriptions"),
      customers_added: total(sum("customers_added")),
      customers_churned: total(sum("customers_churned")),
      net_customers_added: total(sum("customers_added") - sum("customers_churned")),
      last_month_churn: churn,
      churn_rate_pct: total(share(sum("customers_churned"), base)),
    },
  };
}

export function bridge({ rows, counted, months }) {
  const { current, existing, cohorts: tally } = counted;
  return months.map((month) => {
    const isKnown = hasFlows(rows, month);
    const start = isKnown ? current.of(0, month - 1) : null;
    const { added, churned } = flows({ rows }, month, { current, existing, key: 0 });
    const fresh = isKnown ? tally.of(month, month) : null;
    return {
      month: rows.months[month],
      start,
      new: fresh,
      returning: isKnown ? added - fresh : null,
      churned,
      end: rows.covered[month] ? current.of(0, month) : null,
    };
  });
}

export function cohorts({ rows, counted, months }) {
  const { cohorts: tally } = counted;
  const found = months.filter((month) => tally.of(month, month));
  return found.flatMap((cohort) =>
    months
      .filter((month) => month >= cohort)
      .map((month) => {
        const customers = rows.covered[month] ? tally.of(cohort, month) : null;
        return {
          cohort: rows.months[cohort],
          months_since: month - cohort,
          customers,
          share_pct: share(customers, tally.of(cohort, cohort)),
        };
      }),
  );
}
