// Opens the report: unpacks its rows, counts them for what the reader selects, and shows it all.

import { drawCards, ProductTable } from "./kpis.js";
import * as charts from "./charts.js";
import { count } from "./count.js";
import { button, element } from "./dom.js";
import { csv, save, workbook } from "./downloads.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { worldMap } from "./map.js";
import { Panel } from "./panels.js";
import { followLinks, followOverlays, followPrinter, followTheme, followWidth } from "./viewing.js";
import { openRows, unpacked } from "./rows.js";
import { exact, marked, monthName, useLanguage, words } from "./language.js";

const CHARTS = {
  geographical_spread: worldMap,
  adds_and_churns: charts.addsAndChurns,
  distribution: charts.distribution,
  products: charts.products,
  distribution_trend: charts.distributionTrend,
  active_customers: charts.activeCustomers,
};

const packed = (id) => unpacked(document.getElementById(id).textContent);

class Page {
  constructor(content, world) {
    Object.assign(this, { content, world, rows: openRows(content.rows), updates: [], panels: [] });
    const place = (id) => document.getElementById(id);
    this.filters = new Filters({ bar: place("filters"), chips: place("chips") }, this.rows, () =>
      this.show(),
    );
    for (const card of document.querySelectorAll("[data-card]")) this.fill(card);
    place("download-all").addEventListener("click", async () => {
      save(`${this.fileName("customers")}.xlsx`, await workbook(this.tables));
    });
  }

  // Fills a card with what it shows, by its name.
  fill(card) {
    const name = card.dataset.card;
    const body = card.querySelector(".card-body");
    const title = card.querySelector("h3").textContent;
    const fixed = this.content.fixed[name];
    const draw = CHARTS[name] ?? (fixed?.figure && charts.fixedFigure(fixed.figure));
    if (fixed) this.addFixedNote(body);
    if (draw) this.addChart(card, { name, title, draw });
    else if (name === "summary") this.addCards(body, title);
    else if (name === "summary_products") this.follow(new ProductTable(body, title));
    else this.followTable(name, new Grid(body.appendChild(element("div")), title));
    const download = () => save(`${this.fileName(name)}.csv`, csv(this.tables[name]));
    card.querySelector(".actions").append(button(words("Download data"), download));
  }

  follow(part) {
    this.updates.push((tables) => part.update(tables));
  }

  followTable(name, grid) {
    this.updates.push((tables) => grid.update(tables[name]));
  }

  addCards(body, title) {
    const cards = element("div", { class: "kpis" });
    this.updates.push((tables) => drawCards(cards, tables));
    body.append(cards);
    this.addTable(body, "summary", title);
  }

  // A table under a word that opens it.
  addTable(body, name, title, options = {}) {
    const place = element("div");
    const summary = element("summary", {}, words("Table"));
    const details = element("details", { class: "data-table" }, summary, place);
    const grid = new Grid(place, title, options);
    this.followTable(name, grid);
    body.append(details);
    return { grid, details };
  }

  addChart(card, { name, title, draw }) {
    const body = card.querySelector(".card-body");
    const isMap = name === "geographical_spread";
    const panel = new Panel({
      name,
      title,
      draw,
      world: this.world,
      chosen: isMap ? (key) => this.chooseCountry(key) : undefined,
      openTable: () => {
        table.details.open = true;
        table.details.querySelector(".scroll").focus();
      },
    });
    body.append(...panel.parts);
    const table = this.addTable(body, name, title, isMap ? this.countryOptions() : {});
    this.follow(panel);
    this.panels.push(panel);
    const actions = card.querySelector(".actions");
    actions.append(
      button(words("Picture"), () => this.savePictures(panel), {
        title: words("The chart as a PNG file"),
      }),
    );
    if (!isMap) return;
    table.details.open = true;
    Object.assign(this, { map: panel, countries: table.grid });
    const home = () => this.chooseCountry(null);
    actions.prepend(button(words("Home"), home, { title: words("The whole world again") }));
  }

  countryOptions() {
    return {
      count: marked("{count} countries / regions in total"),
      choose: (row) => this.chooseCountry(row && countryKey(row)),
    };
  }

  addFixedNote(body) {
    const text = words("This part does not follow the filters of the page.");
    const note = element("p", { class: "quiet" }, text);
    body.append(note);
    this.updates.push(() => {
      note.hidden = !this.filters.any;
    });
  }

  // Zooms the map to a country and marks its rows; null brings the whole world back.
  chooseCountry(key) {
    this.map.change({ chosen: key });
    this.countries.mark((row) => countryKey(row) === key);
  }

  async savePictures(panel) {
    const pictures = await panel.pictures(
      `${this.content.partner_name} · ${this.filters.sentence}`,
    );
    pictures.forEach((data, i) => {
      const bytes = Uint8Array.from(atob(data.split(",")[1]), (character) =>
        character.charCodeAt(0),
      );
      save(
        `${this.fileName(panel.name)}${i ? `-${i + 1}` : ""}.png`,
        new Blob([bytes], { type: "image/png" }),
      );
    });
  }

  fileName(name) {
    return `${name}_${this.content.partner}_${this.filters.from}_${this.filters.to}`;
  }

  // Counts and shows what is selected.
  show() {
    const counted = count(this.rows, this.filters.selection);
    const fixed = Object.entries(this.content.fixed).map(([name, { table }]) => [name, table]);
    this.tables = { ...counted, ...Object.fromEntries(fixed.filter(([, table]) => table)) };
    for (const update of this.updates) update(this.tables);
    this.showHead();
    if (this.drawing) this.drawCharts();
  }

  showHead() {
    const latest = Object.fromEntries(
      this.tables.summary.rows.map(([name, value, , month]) => [name, { value, month }]),
    );
    const current = latest.current_customers;
    const active = latest.active_customers;
    const asOf = [words("Data as of {month}", { month: monthName(current.month) })];
    if (active.month && active.month !== current.month) {
      asOf.push(words("usage as of {month}", { month: monthName(active.month) }));
    }
    document.getElementById("range").textContent =
      `${monthName(this.filters.from)} – ${monthName(this.filters.to)}`;
    document.getElementById("as-of").textContent = asOf.join(" · ");
    document.getElementById("found").textContent = this.filters.any
      ? words("Current customers selected: {count}", { count: exact(current.value) })
      : "";
    const notes = this.filters.unmatched.map((text) => element("li", {}, text));
    document.getElementById("unmatched").replaceChildren(...notes);
  }

  // The page is ready when all of it shows what is selected.
  drawCharts() {
    this.drawing = true;
    for (const panel of this.panels.filter(({ stale }) => stale)) panel.redraw();
    document.documentElement.dataset.ready = location.hash;
  }

  // The same charts for other colours or another width.
  redrawCharts() {
    if (!this.drawing) return;
    for (const panel of this.panels) panel.redraw();
  }
}

// Markets that the map knows are one by their country, the others by their name.
function countryKey([market, code]) {
  return code || `=${market}`;
}

async function start() {
  const content = JSON.parse(await packed("content"));
  useLanguage(content.locale, content.texts);
  const world = JSON.parse(await packed("world"));
  const page = new Page(content, world);
  const theme = followTheme(page);
  followLinks();
  followOverlays();
  page.show();
  // Where plotly looks for the shapes of the countries before it would ask the network.
  window.PlotlyGeoAssets = { topojson: { world_110m: world } };
  document.head.append(element("script", {}, await packed("plotly")));
  page.drawCharts();
  followWidth(page);
  followPrinter(page, theme);
}

if ("DecompressionStream" in window) start();
