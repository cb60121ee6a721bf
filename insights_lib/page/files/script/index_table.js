// The table of all partners: sorted, searched, and filtered by what needs attention.

import { badge, growthBadge } from "./compared.js";
import { button, dataText, element } from "./dom.js";
import { CHOICES, METRICS, reasonOf } from "./index_rows.js";
import { area } from "./kpis.js";
import { marked } from "./language.js";

// What rows are sorted by: a name for the reader, and whether the largest come first.
const ORDERS = {
  urgency: [marked("State"), false],
  partner: [marked("Partner"), false],
  period: [marked("Period"), true],
  current_customers: [marked("Current customers"), true],
  growth: [marked("Growth of customers"), true],
  active_customers: [marked("Active customers"), true],
  subscriptions: [marked("Subscriptions"), true],
  customers_added: [marked("Customers added"), true],
  customers_churned: [marked("Customers churned"), true],
  churn_rate_pct: [marked("Churn rate pct"), true],
};
const ROWS_AT_FIRST = 100;
const COLUMNS = ["partner", "period", "urgency", ...METRICS];
const FLOWS = new Set(["customers_added", "customers_churned"]);

export class IndexTable {
  // changed is called with the rows that are listed, whenever these change.
  constructor(rows, t, changed) {
    Object.assign(this, { rows, t, changed, sorting: { name: "urgency", down: false } });
    this.lines = new Map();
    const fill = () => this.fill();
    this.search = element("input", { type: "search", "aria-label": t("Search"), oninput: fill });
    this.search.placeholder = t("Name or id of a partner");
    this.choice = element("select", { onchange: fill }, this.choices());
    this.order = element(
      "select",
      { onchange: () => this.sort(this.order.value, false) },
      Object.entries(ORDERS).map(([value, [text]]) => element("option", { value }, t(text))),
    );
    this.told = element("p", { class: "quiet", role: "status" });
    this.heads = COLUMNS.map((name) => this.head(name));
    this.body = element("tbody", { role: "rowgroup" });
    this.all = false;
    this.more = button("", () => this.showAll(), { class: "link" });
    this.element = element("div", {}, this.controls(), this.table(), this.more);
  }

  choices() {
    const { t, rows } = this;
    return Object.entries(CHOICES).map(([value, [text, holds]]) =>
      element("option", { value }, `${t(text)} (${t.exact(rows.filter(holds).length)})`),
    );
  }

  controls() {
    const { t } = this;
    const named = (text, control) => element("label", {}, element("span", {}, t(text)), control);
    return element(
      "div",
      { class: "controls card" },
      named(marked("Search"), this.search),
      named(marked("Show"), this.choice),
      named(marked("Sort by"), this.order),
      this.told,
    );
  }

  table() {
    const head = element("tr", { role: "row" }, this.heads);
    return element(
      "table",
      { class: "partners card", role: "table", "aria-label": this.t("All partners") },
      element("thead", { role: "rowgroup" }, head),
      this.body,
    );
  }

  head(name) {
    const number = METRICS.includes(name);
    return element(
      "th",
      { scope: "col", role: "columnheader", class: number ? "number" : null },
      button(this.t(ORDERS[name][0]), () => this.sort(name, true)),
    );
  }

  // The same column again is the other way round.
  sort(name, turns) {
    const again = turns && this.sorting.name === name;
    this.sorting = { name, down: again ? !this.sorting.down : ORDERS[name][1] };
    this.fill();
  }

  // Shows only the rows of a choice.
  choose(name) {
    this.choice.value = name;
    this.fill();
    this.choice.focus();
  }

  showAll() {
    const at = this.body.rows.length;
    this.all = true;
    this.fill();
    this.body.rows[at].querySelector("th").focus();
  }

  fill() {
    const { t } = this;
    const { name, down } = this.sorting;
    this.order.value = name;
    this.heads.forEach((head, i) => {
      if (COLUMNS[i] !== name) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
    const listed = this.listed();
    const visible = this.all ? listed : listed.slice(0, ROWS_AT_FIRST);
    this.body.replaceChildren(...visible.map((row) => this.line(row)));
    if (!listed.length) this.body.append(this.nothing());
    const counts = { found: t.exact(listed.length), count: t.exact(this.rows.length) };
    this.told.textContent = t("{found} of {count} reports", counts);
    this.more.hidden = visible.length === listed.length;
    this.more.textContent = t("Show all {count} rows", { count: counts.found });
    this.changed(listed);
  }

  nothing() {
    const cell = { role: "cell", colspan: COLUMNS.length };
    return element("tr", { role: "row" }, element("td", cell, this.t("There is nothing to show.")));
  }

  listed() {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    const [, holds] = CHOICES[this.choice.value];
    const { name, down } = this.sorting;
    const { compare } = this.t;
    // What is not known stays at the end whichever way; equals stand in the order of their names.
    const inOrder = (a, b) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return (down ? -1 : 1) * (typeof a === "number" ? a - b : compare(a, b));
    };
    return this.rows
      .filter((row) => holds(row) && row.searched.includes(wanted))
      .sort((a, b) => inOrder(a[name], b[name]) || compare(a.partner, b.partner));
  }

  line(row) {
    if (!this.lines.has(row)) this.lines.set(row, this.drawn(row));
    return this.lines.get(row);
  }

  drawn(row) {
    const cells = [this.partner(row), this.period(row), this.state(row)];
    return element(
      "tr",
      { role: "row", "data-state": row.state },
      cells,
      METRICS.map((metric) => this.figure(row, metric)),
    );
  }

  partner({ partner, id, named, link, filters }) {
    const name = dataText(partner);
    return element(
      "th",
      { scope: "row", role: "rowheader", tabindex: -1 },
      link ? element("a", { href: link }, name) : name,
      named ? element("span", { class: "quiet" }, id) : null,
      filters.length ? element("span", { class: "quiet" }, dataText(filters.join("; "))) : null,
    );
  }

  period({ months, role }) {
    const { t } = this;
    return this.cell(
      "period",
      {},
      element("span", { class: "months" }, months),
      role ? element("span", { class: "quiet" }, t.nameOf(role)) : null,
    );
  }

  state({ state, why, made }) {
    const { t } = this;
    const reason = reasonOf(why, t);
    const told = state === "fresh" || state === "earlier" ? "{day}" : marked("Last good: {day}");
    return this.cell(
      "urgency",
      { class: "state" },
      element("strong", {}, t.nameOf(state)),
      why ? element("span", { class: "quiet", lang: reason.lang }, dataText(reason.text)) : null,
      element(
        "span",
        { class: "quiet" },
        made ? t(told, { day: t.day(made.slice(0, 10)) }) : t("No report"),
      ),
    );
  }

  figure(row, metric) {
    const { t } = this;
    const [value, change] = row.figures[metric] ?? [null, null];
    const exact = value === null ? t("not known: there is no data for it") : t.exact(value);
    const trend = row.trends[metric];
    const line = [element("span", { title: exact }, t.short(value)), " "];
    if (value !== null) line.push(this.badge(metric, change));
    return this.cell(
      metric,
      { class: "number" },
      element("span", { class: "figure" }, line),
      metric === "customers_churned" ? this.rate(row) : null,
      trend && value !== null ? area(trend) : null,
    );
  }

  badge(metric, change) {
    const { t } = this;
    if (!FLOWS.has(metric)) return growthBadge(change, t);
    return change === null ? "" : badge(change, t, metric === "customers_churned");
  }

  rate({ churn_rate_pct: rate }) {
    const { t } = this;
    if (rate === null) return null;
    return element("span", { class: "quiet" }, `${t("churn rate")} ${t.percent(rate)}`);
  }

  // On a phone each cell says what it is, as there are no heads above it.
  cell(name, attributes, ...content) {
    const label = this.t(ORDERS[name][0]);
    return element("td", { role: "cell", "data-label": label, ...attributes }, ...content);
  }
}
