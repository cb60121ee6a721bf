// A report within an element: all that it needs comes in, and nothing of it is anywhere else.

import { cardOf } from "./cards.js";
import { element } from "./dom.js";
import { csv, save } from "./downloads.js";
import { Drawer } from "./drawer.js";
import { Figures } from "./figures.js";
import { Filters } from "./filters.js";
import { Head } from "./head.js";
import { languageOf } from "./language.js";
import { marksOf, wordsOf } from "./marks.js";
import { toldBy } from "./notes.js";
import { pictureOf } from "./pictures.js";
import { ownPlotly } from "./plotly.js";
import { openRows } from "./rows.js";
import { countTables } from "./tables.js";
import { followOverlays, followPrinter, followWidth, Theme } from "./viewing.js";
import { Voice } from "./voice.js";
import { workbook } from "./workbook.js";

const LONGEST_FILE_NAME = 80;

/* Shows a report at the end of an element, as often as one likes.
 *
 * content is what insights_lib/page/write.py packs. The options:
 *   library  a function that promises {make, world}: what ownPlotly() makes a plotly with, and the
 *            shapes of countries; the charts follow when it is there
 *   address  where the selection is kept: {read(), write(text), follow(changed, signal)}, and
 *            perhaps enter(text) and leave(text), between which there is a way back; left out, the
 *            report keeps it to itself
 *   theme    {kept, keep, show, outside, follow}, see Theme; may be left out
 *   picked   told of each number that is opened: {mark, what, kind, rows}, the mark in words, and
 *            what behind() gives; may be left out
 *
 * Returns {ready, destroy}: a promise that all of it is shown, and a function that takes it away. */
export function mount(place, content, options) {
  const { library, address = ownAddress(), theme = {}, picked = () => {} } = options;
  const report = new Report(content, address, theme);
  report.picked = picked;
  place.append(report.root);
  report.show();
  report.drawer?.follow();
  const ready = library().then((found) => report.drawWith(found));
  return { ready, destroy: () => report.destroy() };
}

function ownAddress() {
  let kept = "";
  return {
    read: () => kept,
    write: (text) => {
      kept = text;
    },
    follow() {},
  };
}

// The cards in sight, and the others, the nearest first.
function bySight(cards) {
  const away = new Map(
    cards.map((card) => {
      const { top, bottom } = card.article.getBoundingClientRect();
      return [card, Math.max(top - window.innerHeight, -bottom, 0)];
    }),
  );
  const beyond = cards.filter((card) => away.get(card) > 0);
  beyond.sort((one, other) => away.get(one) - away.get(other));
  return { inSight: cards.filter((card) => away.get(card) === 0), beyond };
}

// Lets the browser show what is done, and answer the reader.
function nextTask() {
  return new Promise((resolve) => {
    setTimeout(resolve);
  });
}

class Report {
  constructor(content, address, theme) {
    this.stop = new AbortController();
    this.signal = this.stop.signal;
    this.content = content;
    this.declared = content.declared;
    this.t = languageOf(content.locale, content.texts);
    this.figures = new Figures(this.t, content.palettes);
    this.rows = openRows(content.rows, this.declared);
    this.prefix = `r${Math.random().toString(36).slice(2)}`;
    this.root = element("div", { class: "insights", lang: content.locale });
    this.theme = new Theme(this, theme, () => this.redraw());
    this.address = address;
    this.voice = new Voice(this.t);
    this.filters = new Filters(this, this.rows, address, () => {
      this.show();
      this.voice.ofFilters(this.filters, this.tables);
    });
    this.lists = new Set();
    this.openTables();
    this.build();
    address.follow(() => this.follow(), this.signal);
    followOverlays(this);
  }

  // The columns of every table, and the rows of those that are not counted.
  openTables() {
    const cards = this.content.sections.flatMap((section) => section.cards);
    const own = cards.filter(({ table }) => table).map(({ name, table }) => [name, table]);
    const tables = { ...this.declared.tables, ...Object.fromEntries(own) };
    this.columns = Object.fromEntries(
      Object.entries(tables).map(([name, { columns }]) => [name, columns]),
    );
    this.fixed = Object.fromEntries(own.map(([name, { rows }]) => [name, rows]));
    const { rows } = this.content;
    this.told = toldBy(rows, this.fixed);
    this.asOf = this.content.as_of;
    this.ownMonths = this.t.range(this.filters.own.from, this.filters.own.to);
  }

  build() {
    this.cards = [];
    const sections = this.content.sections.map(({ name, title, question, cards }) => {
      const own = cards.map((card) => cardOf(this, card));
      this.cards.push(...own);
      const head = element(
        "div",
        { class: "section-head" },
        element("h2", { tabindex: -1 }, title),
        element("p", { class: "quiet" }, question),
      );
      const articles = own.map(({ article }) => article);
      return element("section", { id: this.id(name), "data-section": name }, head, articles);
    });
    this.head = new Head(this, sections);
    this.root.append(...this.head.parts, element("main", {}, sections), this.voice.element);
    // Only executive report viewers have people behind the numbers.
    this.drawer = this.content.rows.people ? new Drawer(this) : null;
    this.theme.use(this.theme.current);
  }

  // An id that no other report in the document has.
  id(name) {
    return `${this.prefix}-${name}`;
  }

  get panels() {
    return this.cards.map(({ panel }) => panel).filter(Boolean);
  }

  // Counts and shows what is selected.
  show() {
    const { selection } = this.filters;
    this.source = { rows: this.rows, selection, declared: this.declared };
    // A copy would make every table at once.
    this.tables = Object.assign(countTables(this.rows, selection, this.declared), this.fixed);
    this.mark = this.drawer ? marksOf(this.tables) : () => null;
    this.head.update(this.tables);
    this.draw();
  }

  // The address has changed by other hands.
  follow() {
    this.filters.follow();
    this.drawer?.follow();
    this.draw();
  }

  // What a click on a number does: a function that has words for it; null where there is nothing.
  opens(table, row, column) {
    const mark = this.mark(table, row, column);
    if (!mark) return null;
    const what = wordsOf(mark, this.t);
    const words = this.t("Show customers: {what}", { what });
    return Object.assign(() => this.open(mark), { words });
  }

  open(mark) {
    this.drawer.open(mark);
  }

  // Draws the charts once there is something to draw them with.
  drawWith({ make, world }) {
    if (this.signal.aborted) return null;
    this.world = world;
    this.plotly = ownPlotly(make, world, this.id("tester"));
    const redraw = () => this.redraw();
    followWidth(this, redraw);
    followPrinter(this, this.theme, redraw);
    return this.draw();
  }

  draw() {
    this.drawing = this.drawCards();
    return this.drawing;
  }

  // What is in sight is shown at once, all else card by card, so that the reader need not wait.
  async drawCards() {
    const turn = {};
    this.turn = turn;
    const { inSight, beyond } = bySight(this.cards);
    for (const card of inSight) card.show(this.tables, Boolean(this.plotly));
    this.declare("ready");
    for (const card of beyond) {
      await nextTask();
      if (this.signal.aborted) return null;
      if (turn !== this.turn) return this.drawing;
      card.show(this.tables, Boolean(this.plotly));
    }
    return this.declare("whole");
  }

  // Ready is what is in sight, whole is all of the report, once they show what the address asks for.
  declare(what) {
    if (this.plotly) this.root.dataset[what] = this.address.read();
  }

  // The same charts in other colours or at another width.
  redraw() {
    if (!this.plotly) return;
    for (const card of this.cards) card.show(this.tables, false);
    for (const panel of this.panels) panel.redraw();
  }

  // Names of files tell what is selected, as far as names can be long.
  fileName(name) {
    const chosen = this.filters.values.map((text) => text.replace(/[^\p{L}\p{N}]+/gu, "-"));
    const parts = [name, this.content.partner, this.filters.from, this.filters.to, ...chosen];
    return Array.from(parts.join("_")).slice(0, LONGEST_FILE_NAME).join("");
  }

  table(name) {
    return { columns: this.columns[name], rows: this.tables[name] };
  }

  download(name) {
    save(`${this.fileName(name)}.csv`, csv(this.table(name)));
  }

  downloadBook(name) {
    save(`${this.fileName(name)}.xlsx`, this.workbook([this.sheet(name, this.table(name))]));
  }

  downloadAll() {
    const shown = this.cards.map(({ name }) => name).filter((name) => name in this.tables);
    const sheets = shown.map((name) => this.sheet(name, this.table(name)));
    save(`${this.fileName("report")}.xlsx`, this.workbook(sheets));
  }

  // A table as a sheet of a workbook. What is not declared has names of its own.
  sheet(name, { columns, rows }) {
    const { t, declared } = this;
    const isOwn = !(name in declared.tables) && name in this.columns;
    const nameOf = isOwn ? String : t.nameOf;
    const heads = Object.keys(columns).map(nameOf);
    return { name, title: nameOf(name), columns, heads, rows };
  }

  workbook(sheets) {
    const { partner, partner_name: name, filters } = this.content;
    const who = name === partner ? partner : `${name} (${partner})`;
    const outer = Object.entries(filters).map(([facet, values]) =>
      this.t.pair(this.t.nameOf(facet), values.join(", ")),
    );
    const now = new Date();
    const written = new Date(now - now.getTimezoneOffset() * 60_000).toISOString();
    const when = written.slice(0, 16).replace("T", " ");
    const about = [who, this.filters.monthsText, ...outer, ...this.filters.texts, when];
    return workbook(sheets, about.join(" · "), this.t);
  }

  async savePicture(panel) {
    const subtitle = `${this.content.partner_name} · ${this.filters.sentence}`;
    const { type, content } = await pictureOf(panel, subtitle);
    save(`${this.fileName(panel.name)}.${type}`, content);
    const why = this.t(
      "This browser lets no page read its own pictures: this one is saved as SVG.",
    );
    panel.tell(type === "svg" ? why : "");
  }

  destroy() {
    this.stop.abort();
    for (const panel of this.panels) panel.purge();
    this.root.remove();
    document.querySelector(`#${this.id("tester")}`)?.remove();
  }
}
