// The cards of a report: what each shows is said by the chart that insights_lib/tables.py declares.

import { actionMenu, iconButton } from "./actions.js";
import * as charts from "./charts.js";
import { CohortTable } from "./cohorts.js";
import * as customerCharts from "./customer_charts.js";
import { element, tip } from "./dom.js";
import { FoldedGrid, Grid } from "./grid.js";
import { drawCards, ProductTable } from "./kpis.js";
import { marked } from "./language.js";
import { CustomerList } from "./list.js";
import { SHARES, worldMap } from "./map.js";
import { ownFiltersNote, ownMonthsNote, SIGNALS, whyUnknown } from "./notes.js";
import { Panel } from "./panels.js";
import { products } from "./product_charts.js";

const DRAWN = {
  world_map: worldMap,
  adds_and_churns: charts.addsAndChurns,
  distribution: charts.distribution,
  products,
  distribution_trend: charts.distributionTrend,
  active_customers: charts.activeCustomers,
  bridge: customerCharts.bridge,
  renewals: customerCharts.renewals,
  seats: customerCharts.seats,
};

/* A card {name, title, note, figure, table} of the content, made ready for show(). Tables that are
 * declared are drawn alike, whether the page has counted them or a notebook. */
export function cardOf(report, card) {
  const { chart, counted, personal } = report.declared.tables[card.name] ?? {};
  if (!counted) return card.figure ? new ChartCard(report, card) : new TableCard(report, card);
  const kinds = {
    summary_cards: SummaryCard,
    product_bars: ProductCard,
    world_map: MapCard,
    signals: SignalsCard,
    cohorts: CohortsCard,
  };
  const Kind = kinds[chart] ?? (chart in DRAWN ? ChartCard : personal ? ListCard : TableCard);
  return new Kind(report, card, DRAWN[chart]);
}

class Card {
  constructor(report, { name, title, note, table }) {
    const { t } = report;
    Object.assign(this, { report, name, title, parts: [] });
    const menu = actionMenu(t, title, this.offered);
    this.menuButtons = menu.buttons;
    this.actions = element("div", { class: "actions" }, menu.place);
    const about = tip(`${t("What is this?")} ${title}`, proseOf(note));
    const head = { class: "card-head" };
    this.body = element("div", { class: "card-body" });
    this.article = element(
      "article",
      { class: "card", "data-card": name },
      element("header", head, element("h3", {}, title), about, this.actions),
      this.body,
    );
    const ofPeople = report.declared.tables[name]?.from_people;
    if (table && ofPeople) this.addNote(ownFiltersNote(report));
    else if (table) this.addFixedNote();
    else if (ofPeople) this.addNote(ownMonthsNote(name, report));
  }

  // What the menu of the card offers.
  get offered() {
    const { report, name } = this;
    const { t } = report;
    return [
      { icon: "csv", text: t("Data (CSV)"), act: () => report.takeaway.csv(name) },
      { icon: "excel", text: t("Data (Excel)"), act: () => report.takeaway.book(name) },
    ];
  }

  get openable() {
    const text = this.report.t("Table");
    return { icon: "table", text, act: () => this.openTable() };
  }

  openTable() {
    this.grid.isOpen = true;
    this.grid.scroll.focus();
  }

  // What was counted by a notebook is not counted again.
  addFixedNote() {
    const text = this.report.t("This part does not follow the filters of the page.");
    const note = this.addNote(text);
    this.parts.push(() => {
      note.hidden = !this.report.filters.any;
    });
  }

  addNote(text) {
    return this.body.appendChild(element("p", { class: "quiet note" }, text));
  }

  addGrid(place, options) {
    return this.fed(new Grid(place, this.report.t, this.gridOptions(options)));
  }

  addTable(options) {
    this.grid = this.fed(new FoldedGrid(this.report.t, this.gridOptions(options)));
    this.body.append(this.grid.details);
  }

  gridOptions(options) {
    const opens = (row, name) => this.report.opens(this.name, row, name);
    return { title: this.title, columns: this.report.columns[this.name], opens, ...options };
  }

  fed(grid) {
    this.parts.push((tables) => grid.update(tables[this.name]));
    return grid;
  }

  // Shows these tables, with the chart of them if charts can be drawn.
  show(tables, canDraw) {
    if (tables !== this.tables) for (const part of this.parts) part(tables);
    this.tables = tables;
    if (canDraw && this.panel?.stale) this.panel.redraw();
  }
}

class TableCard extends Card {
  constructor(report, card) {
    super(report, card);
    this.addGrid(this.body.appendChild(element("div")));
  }
}

class SummaryCard extends Card {
  constructor(report, card) {
    super(report, card);
    this.article.classList.add("flat");
    const cards = element("div", { class: "kpis" });
    this.parts.push((tables) => drawCards(cards, tables, report));
    this.body.append(cards);
    this.addTable();
  }

  get offered() {
    return [...super.offered, this.openable];
  }
}

class ProductCard extends Card {
  constructor(report, card) {
    super(report, card);
    const products = new ProductTable(this.body, card.title, report);
    this.parts.push((tables) => products.update(tables));
  }
}

class ChartCard extends Card {
  constructor(report, card, draw = charts.fixedFigure(card.figure)) {
    super(report, card);
    const { name, title } = card;
    const openTable = () => this.openTable();
    const chosen = (key) => this.chosen?.(key);
    const [pictureButton] = this.menuButtons;
    this.panel = new Panel(report, { name, title, draw, chosen, openTable, pictureButton });
    this.parts.push((tables) => this.panel.update(tables));
    this.body.append(...this.panel.parts);
    this.addTable(this.tableOptions);
  }

  get offered() {
    const { report } = this;
    const act = () => report.takeaway.picture(this.panel);
    const picture = { icon: "picture", text: report.t("Picture (PNG)"), act };
    return [picture, ...super.offered, { ...this.openable, key: "T" }];
  }

  get tableOptions() {
    return {};
  }
}

// The signals with what they mean, each with a bar as long as its share.
class SignalsCard extends Card {
  constructor(report, card) {
    super(report, card);
    const { t, told } = report;
    const numbers = (row, shown) => {
      const reason = whyUnknown(row.signal, told, t);
      return reason === null ? shown : element("span", { class: "quiet" }, reason);
    };
    const opens = (row, name) =>
      whyUnknown(row.signal, told, t) === null ? report.opens(this.name, row, name) : null;
    this.addGrid(this.body.appendChild(element("div", { class: "signals" })), {
      bar: "share_pct",
      count: [marked("{count} signal"), marked("{count} signals")],
      opens,
      cells: {
        signal: ({ signal }) => [
          t.nameOf(signal),
          element("p", { class: "quiet" }, t(SIGNALS[signal] ?? "")),
        ],
        customers: (row) => numbers(row, t.exact(row.customers)),
        share_pct: (row) => (whyUnknown(row.signal, told, t) ? "" : t.percent(row.share_pct)),
      },
    });
  }
}

class CohortsCard extends Card {
  constructor(report, card) {
    super(report, card);
    const cohorts = new CohortTable(this.body, card.title, report);
    this.parts.push((tables) => cohorts.update(tables));
    this.addTable();
  }

  get offered() {
    return [...super.offered, this.openable];
  }
}

// Customer by customer.
class ListCard extends Card {
  constructor(report, card) {
    super(report, card);
    this.actions.replaceChildren();
    this.list = new CustomerList(report, { title: card.title, actions: this.actions });
    this.body.append(this.list.place);
    this.parts.push((tables) => this.list.show({ kind: "customers", rows: tables.customers }));
  }
}

// A country is chosen on the map or in its table, and marked in both.
class MapCard extends ChartCard {
  constructor(report, card, draw) {
    super(report, card, draw);
    const { t } = report;
    this.grid.isOpen = true;
    const home = { title: t("The whole world again") };
    this.actions.prepend(iconButton("home", t("Home"), () => this.choose(null), home));
  }

  get tableOptions() {
    const { columns } = this.report;
    const shares = Object.entries(SHARES);
    const names = ["customer_market", ...Object.keys(SHARES)];
    return {
      columns: Object.fromEntries(names.map((name) => [name, columns[this.name][name]])),
      below: Object.fromEntries(
        shares.map(([name, share]) => [name, { name: share, kind: "percent" }]),
      ),
      count: [
        marked("{count} country / region in total"),
        marked("{count} countries / regions in total"),
      ],
      choose: (row) => this.choose(row && keyOf(row)),
    };
  }

  // Zooms the map to a country and marks its rows; null brings the whole world back.
  choose(key) {
    this.panel.change({ chosen: key });
    this.chosen(key);
  }

  chosen(key) {
    this.grid.mark((row) => keyOf(row) === key);
  }
}

// Markets that the map knows are one by their country, the others by their name.
function keyOf({ customer_market: market, country_code: code }) {
  return code || `=${market}`;
}

// The prose of a notebook, which is HTML: its author's, never that of data.
function proseOf(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content;
}
