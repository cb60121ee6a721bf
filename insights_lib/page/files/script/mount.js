// A report within an element: all that it needs comes in, and nothing of it is anywhere else.

import { cardOf } from "./cards.js";
import { Counter } from "./counter.js";
import { element } from "./dom.js";
import { Drawer } from "./drawer.js";
import { Figures } from "./figures.js";
import { Filters } from "./filters.js";
import { Head } from "./head.js";
import { languageOf } from "./language.js";
import { marksOf, wordsOf } from "./marks.js";
import { toldBy } from "./notes.js";
import { ownPlotly } from "./plotly.js";
import { Takeaway } from "./takeaway.js";
import { followOverlays, followPrinter, followWidth, Theme } from "./viewing.js";
import { Voice } from "./voice.js";

/* Shows a report at the end of an element, as often as one likes.
 *
 * content is what insights_lib/page/write.py packs. The options:
 *   counter  counts what is selected, see counter.js; left out, the page itself does
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
  const { counter = new Counter(content.rows, content.declared) } = options;
  const report = new Report(content, { counter, address, theme });
  report.picked = picked;
  place.append(report.root);
  const shown = report.show();
  report.drawer?.follow();
  const ready = Promise.all([library(), shown]).then(([found]) => report.drawWith(found));
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
  constructor(content, { counter, address, theme }) {
    this.stop = new AbortController();
    this.signal = this.stop.signal;
    this.content = content;
    this.declared = content.declared;
    this.t = languageOf(content.locale, content.texts);
    this.figures = new Figures(this.t, content.palettes);
    this.counter = counter;
    this.rows = counter.rows;
    this.prefix = `r${Math.random().toString(36).slice(2)}`;
    this.root = element("div", { class: "insights", lang: content.locale });
    this.theme = new Theme(this, theme, () => this.redraw());
    this.address = address;
    this.voice = new Voice(this.t);
    this.filters = new Filters(this, this.rows, address, () => this.follows());
    this.lists = new Set();
    this.takeaway = new Takeaway(this);
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
    this.told = toldBy(this.rows, this.fixed);
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
    this.main = element("main", {}, sections);
    this.root.append(...this.head.parts, this.main, this.voice.element);
    // Only executive report viewers have people behind the numbers.
    this.drawer = this.rows.people ? new Drawer(this) : null;
    this.theme.use(this.theme.current);
  }

  // An id that no other report in the document has.
  id(name) {
    return `${this.prefix}-${name}`;
  }

  get panels() {
    return this.cards.map(({ panel }) => panel).filter(Boolean);
  }

  // Counts and shows what is selected. What it promises is that all is shown which is selected by then.
  show() {
    const { selection } = this.filters;
    this.source = { rows: this.rows, selection, declared: this.declared };
    if (this.counter.isSlow) this.showCounting();
    this.shown = this.showCounted(selection);
    return this.shown;
  }

  // What is still to be seen is of another selection: nothing can be done with it.
  showCounting() {
    this.main.setAttribute("aria-busy", "true");
    this.main.inert = true;
    this.head.showCounting();
  }

  async showCounted(selection) {
    this.counting = selection;
    const counted = await this.counter.count(selection);
    if (this.counting !== selection) return this.shown;
    this.counting = null;
    if (this.signal.aborted) return null;
    // A copy would make every table at once.
    this.tables = Object.assign(counted, this.fixed);
    this.mark = this.drawer ? marksOf(this.tables) : () => null;
    this.main.removeAttribute("aria-busy");
    this.main.inert = false;
    this.head.update(this.tables);
    this.draw();
    return null;
  }

  // The reader has chosen something.
  async follows() {
    const shown = this.show();
    await shown;
    if (shown === this.shown && !this.signal.aborted)
      this.voice.ofFilters(this.filters, this.tables);
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

  // What is being counted is drawn when it is there.
  draw() {
    if (!this.counting) this.drawing = this.drawCards();
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
      if (this.counting) return this.shown;
      card.show(this.tables, Boolean(this.plotly));
    }
    return this.declare("whole");
  }

  // Ready is what is in sight, whole is all of the report, once they show what the address asks for.
  declare(what) {
    if (this.plotly) this.root.dataset[what] = this.address.read();
  }

  // The same charts in other colours or at another width. What is being counted is drawn so anyway.
  redraw() {
    if (!this.plotly || this.counting) return;
    for (const card of this.cards) card.show(this.tables, false);
    for (const panel of this.panels) panel.redraw();
  }

  destroy() {
    this.stop.abort();
    for (const panel of this.panels) panel.purge();
    this.root.remove();
    document.querySelector(`#${this.id("tester")}`)?.remove();
  }
}
