// Opens the report: unpacks its rows, counts them for what the reader selects, and shows it all.

import { drawCards, ProductTable } from "./cards.js";
import * as charts from "./charts.js";
import { count } from "./count.js";
import { button, element } from "./dom.js";
import { csv, save, workbook } from "./downloads.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { Panel } from "./panels.js";
import { openRows, unpacked } from "./rows.js";
import { exact, monthName, useLanguage, words } from "./words.js";

const CHARTS = {
  geographical_spread: charts.worldMap,
  adds_and_churns: charts.addsAndChurns,
  distribution: charts.distribution,
  products: charts.products,
  distribution_trend: charts.distributionTrend,
  active_customers: charts.activeCustomers,
};
const MOST_PRINTED = 60; // rows of a table that paper shows

const packed = (id) => unpacked(document.getElementById(id).textContent);

class Page {
  constructor(content, world) {
    Object.assign(this, { content, world, rows: openRows(content.rows), updates: [], panels: [] });
    const place = (id) => document.getElementById(id);
    this.filters = new Filters({ bar: place("filters"), chips: place("chips") }, this.rows, () => this.show());
    for (const card of document.querySelectorAll("[data-card]")) this.fill(card, card.dataset.card);
    place("download-all").addEventListener("click", async () => {
      save(`${this.fileName("customers")}.xlsx`, await workbook(this.tables));
    });
  }

  // What a card shows, by its name.
  fill(card, name) {
    const body = card.querySelector(".card-body");
    const title = card.querySelector("h3").textContent;
    const { figure } = this.content.fixed[name] ?? {};
    if (name === "summary_products") {
      const products = new ProductTable(body, title);
      this.updates.push((tables) => products.update(tables));
    } else {
      const table = this.table(name, title);
      if (name === "summary") {
        const cards = element("div", { class: "kpis" });
        body.append(cards);
        this.updates.push((tables) => drawCards(cards, tables));
      }
      const draw = CHARTS[name] ?? (figure && charts.fixedFigure(figure));
      if (draw) this.addPanel(card, { name, title, draw, table });
      table.details.open = name === "geographical_spread" || (!draw && name !== "summary");
      body.append(table.details);
    }
    if (this.content.fixed[name]) this.addFixedNote(body);
    const download = button(words("Download data"), () => save(`${this.fileName(name)}.csv`, csv(this.tables[name])));
    card.querySelector(".actions").append(download);
  }

  // The table of a card, under a word that opens it.
  table(name, title) {
    const place = element("div");
    const details = element("details", { class: "data-table" }, element("summary", {}, words("Table")), place);
    const map = name === "geographical_spread";
    const options = map
      ? { count: "{count} countries / regions in total", choose: (row) => this.chooseCountry(row && countryKey(row)) }
      : {};
    const grid = new Grid(place, title, options);
    this.updates.push((tables) => grid.update(tables[name]));
    return { grid, details };
  }

  addPanel(card, { name, title, draw, table: { grid, details } }) {
    const openTable = () => {
      details.open = true;
      details.querySelector(".scroll").focus();
    };
    const chosen = name === "geographical_spread" ? (key) => this.chooseCountry(key) : undefined;
    const panel = new Panel({ name, title, draw, world: this.world, chosen, openTable });
    card.querySelector(".card-body").append(...panel.parts);
    this.updates.push((tables) => panel.update(tables));
    this.panels.push(panel);
    const picture = button(words("Picture"), () => this.savePictures(panel), { title: words("The chart as a PNG file") });
    card.querySelector(".actions").append(picture);
    if (name === "geographical_spread") {
      this.map = panel;
      this.grid = grid;
      const home = button(words("Home"), () => this.chooseCountry(null), { title: words("The whole world again") });
      card.querySelector(".actions").prepend(home);
    }
  }

  addFixedNote(body) {
    const note = element("p", { class: "quiet" }, words("This part does not follow the filters of the page."));
    body.prepend(note);
    this.updates.push(() => {
      note.hidden = !this.filters.any;
    });
  }

  // Zooms the map to a country and marks its rows; null brings the whole world back.
  chooseCountry(key) {
    this.map.change({ chosen: key });
    this.grid.mark((row) => countryKey(row) === key);
  }

  async savePictures(panel) {
    const pictures = await panel.pictures(`${this.content.partner_name} · ${this.filters.sentence}`);
    pictures.forEach((data, i) => {
      const bytes = Uint8Array.from(atob(data.split(",")[1]), (character) => character.charCodeAt(0));
      save(`${this.fileName(panel.name)}${i ? `-${i + 1}` : ""}.png`, new Blob([bytes], { type: "image/png" }));
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
    const latest = Object.fromEntries(this.tables.summary.rows.map(([name, value, , month]) => [name, { value, month }]));
    const current = latest.current_customers;
    const active = latest.active_customers;
    const asOf = [words("Data as of {month}", { month: monthName(current.month) })];
    if (active.month !== current.month) {
      asOf.push(words("usage as of {month}", { month: monthName(active.month) }));
    }
    document.getElementById("range").textContent = `${monthName(this.filters.from)} – ${monthName(this.filters.to)}`;
    document.getElementById("as-of").textContent = asOf.join(" · ");
    document.getElementById("found").textContent = this.filters.any
      ? words("Current customers selected: {count}", { count: exact(current.value) })
      : "";
    const notes = this.filters.unmatched.map((text) => element("li", {}, text));
    document.getElementById("unmatched").replaceChildren(...notes);
  }

  // Charts in view first, then the others, so that the reader waits for none of them.
  drawCharts() {
    this.drawing = true;
    const inView = ({ panel }) => {
      const { top, bottom } = panel.getBoundingClientRect();
      return bottom > 0 && top < window.innerHeight;
    };
    for (const panel of this.panels.filter((one) => one.stale && inView(one))) panel.redraw();
    return new Promise((resolve) => {
      const next = () => {
        const panel = this.panels.find((one) => one.stale);
        if (!panel) return resolve();
        panel.redraw();
        setTimeout(next);
      };
      setTimeout(next);
    });
  }

  redrawCharts() {
    for (const panel of this.panels) panel.redraw();
  }
}

// Markets that the map knows are one by their country, the others by their name.
function countryKey([market, code]) {
  return code || `=${market}`;
}

// Light or dark as the system has it, until the reader switches.
function followTheme(redraw) {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const control = document.getElementById("theme");
  let kept = null;
  try {
    kept = localStorage.getItem("theme");
  } catch {
    // Some browsers keep nothing for files; the choice then lasts as long as the page.
  }
  const use = (theme) => {
    root.dataset.theme = theme;
    control.setAttribute("aria-pressed", String(theme === "dark"));
  };
  const current = () => kept ?? (system.matches ? "dark" : "light");
  use(current());
  system.addEventListener("change", () => {
    use(current());
    redraw();
  });
  control.addEventListener("click", () => {
    kept = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", kept);
    } catch {
      // As above.
    }
    use(kept);
    redraw();
  });
  return { use, current };
}

// Paper is light, and as wide as it is; tables are open unless they are long.
function followPrinter(page, theme) {
  let opened = [];
  window.addEventListener("beforeprint", () => {
    theme.use("light");
    page.redrawCharts();
    for (const panel of page.panels) panel.drawPrinted();
    for (const drawing of document.querySelectorAll(".main-svg")) {
      drawing.setAttribute("viewBox", `0 0 ${drawing.getAttribute("width")} ${drawing.getAttribute("height")}`);
    }
    opened = [...document.querySelectorAll(".data-table:not([open])")].filter(
      (details) => details.querySelectorAll("tbody tr").length <= MOST_PRINTED,
    );
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    theme.use(theme.current());
    for (const details of opened) details.open = false;
    page.redrawCharts();
  });
}

// The links to sections leave the address alone, which keeps the selection.
function followLinks() {
  for (const link of document.querySelectorAll(".sections a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const section = document.querySelector(`[id="${link.hash.slice(1)}"]`);
      section.scrollIntoView();
      section.querySelector("h2").focus({ preventScroll: true });
    });
  }
}

async function start() {
  const content = JSON.parse(await packed("content"));
  useLanguage(content.locale, content.texts);
  const world = JSON.parse(await packed("world"));
  const page = new Page(content, world);
  const theme = followTheme(() => page.drawing && page.redrawCharts());
  followLinks();
  page.show();
  // Where plotly looks for the shapes of the countries before it would ask the network.
  window.PlotlyGeoAssets = { topojson: { world_110m: world } };
  document.head.append(element("script", {}, await packed("plotly")));
  await page.drawCharts();
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (width !== window.innerWidth) page.redrawCharts();
    width = window.innerWidth;
  });
  followPrinter(page, theme);
  document.documentElement.dataset.ready = "";
}

if ("DecompressionStream" in window) start();
