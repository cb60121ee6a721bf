// The list of customers, or of subscriptions: search, order, choose, take along.

import { CheckMenu } from "./menus.js";
import { actionMenu } from "./actions.js";
import { element } from "./dom.js";
import { csv, save } from "./downloads.js";
import { marked, shown, UNKNOWN } from "./language.js";
import { NOT_EXPORTED, SIGNALS } from "./notes.js";
import { Orders } from "./orders.js";
import { Scroller } from "./scroller.js";

const STATUSES = ["existing", "new", "returned", "churned"];
const PRINTED = 40; // rows that paper shows
const LONG = 18; // characters from which a cell tells its text on hover, too

// The columns, those first that most readers look for.
const ORDER = [
  ...["customer_name", "month", "value", "status", "customer_market", "products", "product", "sku"],
  "seats",
  ...["assigned_seats", "billed_revenue_usd", "azure_consumed_usd", "next_end", "auto_renew"],
  ...["usage_change_pct", "signals", "first_month", "added_month", "churned_month", "last_month"],
  ...["last_usage_month", "usage_change_product", "subscriptions", "skus", "customer_segment"],
  ...["partner_location", "partner_attribution", "sales_channel", "customer"],
];
const WIDTHS = {
  customer_name: 15,
  products: 14,
  skus: 14,
  signals: 15,
  status: 7,
  subscriptions: 8,
};
const BY_KIND = { text: 11, names: 15, name: 7, month: 7, date: 8 };
// Where null means that there is none, not that it is unknown.
const NONE = new Set(["added_month", "churned_month", "signals"]);
// What the exports of a column must tell of, see notes.js.
const SOURCES = {
  seats: "seats",
  assigned_seats: "assigned",
  billed_revenue_usd: "billed",
  azure_consumed_usd: "consumed",
  next_end: "ends",
  auto_renew: "ends",
  last_usage_month: "use",
  usage_change_pct: "use",
  usage_change_product: "use",
};

export class CustomerList {
  /* title names the list, actions is a place for its downloads. */
  constructor(report, { title, actions }) {
    const { t } = report;
    Object.assign(this, { report, title, sorting: null, found: [] });
    this.total = element("p", { class: "quiet", role: "status" });
    this.search = element("input", {
      type: "search",
      placeholder: t("Search name or key"),
      "aria-label": t.pair(t("Search name or key"), title),
      oninput: () => this.choose(),
    });
    const changed = () => this.choose();
    this.menus = [
      new CheckMenu(t, { column: "status", keys: STATUSES, changed }),
      new CheckMenu(t, { column: "signals", keys: Object.keys(SIGNALS), changed }),
    ];
    const places = this.menus.map(({ place }) => place);
    this.grid = element("div", { class: "rows" });
    this.nothing = element("p", { hidden: true }, t("There is nothing to show."));
    this.note = element("p", { class: "quiet note" });
    this.rest = element("p", { class: "print-only rest" });
    this.place = element(
      "div",
      { class: "list" },
      element(
        "div",
        { class: "grid-head" },
        element("div", { class: "chooser" }, this.search, places),
        this.total,
      ),
      this.grid,
      this.nothing,
      this.rest,
      this.note,
    );
    const menu = actionMenu(t, title, [
      { icon: "csv", text: t("Data (CSV)"), act: () => this.download("csv") },
      { icon: "excel", text: t("Data (Excel)"), act: () => this.download("xlsx") },
    ]);
    actions.append(menu.place);
    report.lists.add(this);
  }

  // Shows a list {kind, rows}, of a kind that behind.js names.
  show({ kind, rows }) {
    if (kind !== this.kind) this.build(kind);
    Object.assign(this, {
      rows,
      orders: new Orders(rows, this.kinds, ["customer_name", "customer"], this.report.t),
    });
    for (const menu of this.menus) menu.update(rows);
    this.choose("off");
  }

  // Nothing is searched or chosen any more.
  reset() {
    this.search.value = "";
    for (const menu of this.menus) menu.clear();
  }

  // The table for a kind of list, without columns that the exports do not have.
  build(kind) {
    const { t, declared, told } = this.report;
    this.kind = kind;
    this.kinds = kindsOf(kind, declared);
    const isTold = (name) => !(SOURCES[name] in told) || told[SOURCES[name]];
    const names = ORDER.filter((name) => name in this.kinds && isTold(name));
    const lacking = ORDER.filter((name) => name in this.kinds && !isTold(name));
    this.note.hidden = !lacking.length;
    this.note.textContent = `${t.pair(lacking.map(t.nameOf).join("; "), t(NOT_EXPORTED))}.`;
    this.columns = names.map((name) => ({
      name,
      head: t.nameOf(name),
      isNumber: NUMBERS.has(this.kinds[name]),
      width: WIDTHS[name] ?? BY_KIND[this.kinds[name]] ?? 7,
    }));
    this.sorting = null;
    this.scroller = new Scroller({
      title: this.title,
      columns: this.columns,
      cell: (row, name) => this.cell(row, name),
      sort: (name) => this.sort(name),
    });
    this.grid.replaceChildren(this.scroller.place);
  }

  // Who has no name is known by the key.
  cell(row, name) {
    const { t, declared } = this.report;
    if (name === "customer_name" && row[name] === declared.not_told)
      return { text: row.customer, title: t.pair(t.nameOf(name), row[name]) };
    const isNone = row[name] === null && NONE.has(name);
    const text = isNone ? "" : shown(row[name], this.kinds[name], t);
    if (text === UNKNOWN) return { text, title: t("not known: there is no data for it") };
    return { text, title: text.length > LONG ? text.slice(0, 500) : null };
  }

  sort(name) {
    const again = this.sorting?.name === name;
    const isNumber = NUMBERS.has(this.kinds[name]);
    this.sorting = { name, down: again ? !this.sorting.down : isNumber };
    this.scroller.mark(this.sorting);
    this.choose();
  }

  // Finds what is searched and chosen, in order, and shows it. How many there are is heard when the
  // reader chooses here; of filters the report speaks.
  choose(live = "polite") {
    if (!this.orders) return;
    const { t } = this.report;
    const wanted = this.search.value.trim().toLowerCase();
    const tests = this.menus.flatMap((menu) => menu.test ?? []);
    const places = this.sorting
      ? this.orders.by(this.sorting.name, this.sorting.down)
      : Array.from(this.rows, (_, i) => i);
    const holds = wanted ? this.orders.holds(wanted) : null;
    this.found = places
      .filter((place) => (!holds || holds(place)) && tests.every((test) => test(this.rows[place])))
      .map((place) => this.rows[place]);
    const [found, count] = [this.found.length, this.rows.length];
    this.total.setAttribute("aria-live", live);
    this.total.textContent =
      found === count
        ? t.counted(count, ...WHOLE[this.kind].map((form) => t(form)))
        : t("{found} of {count}", {
            found: t.exact(found),
            count: t.counted(count, t("{count} row"), t("{count} rows")),
          });
    this.nothing.hidden = found > 0;
    this.scroller.show(this.found);
  }

  // The first rows, and how many there are more.
  print() {
    if (!this.scroller) return;
    const { t } = this.report;
    const more = this.found.length - PRINTED;
    this.scroller.fill(0, Math.min(PRINTED, this.found.length));
    this.rest.textContent =
      more > 0 ? t("and {count} more, in the interactive report", { count: t.exact(more) }) : "";
  }

  afterPrint() {
    this.scroller?.show(this.found);
  }

  // What is chosen, in the order and the columns of the report's own tables.
  download(format) {
    const { report, kind } = this;
    const table = { columns: this.kinds, rows: this.found };
    const what = kind === "subscriptions" ? kind : "customers";
    const { takeaway } = report;
    const name = takeaway.fileName(what);
    if (format === "csv") save(`${name}.csv`, csv(table));
    else save(`${name}.xlsx`, takeaway.workbook([takeaway.sheet(what, table)]));
  }
}

const NUMBERS = new Set(["count", "number", "money", "percent"]);
const WHOLE = {
  customers: [marked("{count} customer"), marked("{count} customers")],
  flows: [
    marked("{count} row, one for each customer and month"),
    marked("{count} rows, one for each customer and month"),
  ],
  values: [
    marked("{count} row, one for each customer and value"),
    marked("{count} rows, one for each customer and value"),
  ],
  subscriptions: [marked("{count} subscription"), marked("{count} subscriptions")],
};

// The kinds of the columns that a kind of list has, by name.
function kindsOf(kind, declared) {
  const { columns } = declared.tables.customers;
  if (kind === "customers") return columns;
  if (kind === "flows") return { month: "month", ...columns };
  if (kind === "values") return { value: "text", ...columns };
  const { customer, customer_name, seats, assigned_seats, next_end, auto_renew } = columns;
  const own = { product: "text", sku: "text" };
  return { customer, customer_name, ...own, seats, assigned_seats, next_end, auto_renew };
}
