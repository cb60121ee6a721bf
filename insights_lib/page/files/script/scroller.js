// A table of any length, of which only the rows in sight are in the document.

import { button, element } from "./dom.js";

const BEYOND = 6; // rows drawn above and below those in sight
const ROW = 36; // pixels, until one is there to be measured

export class Scroller {
  /* columns: {name, head, isNumber, width (in rem)}, the first one stays in sight; cell gives the
   * content of a row in a column as {text, title}; sort is called with the name of a column. */
  constructor({ title, columns, cell, sort }) {
    Object.assign(this, { columns, cell, rows: [], height: ROW });
    this.heads = columns.map(({ head, isNumber, name }) => {
      const own = { scope: "col", class: isNumber ? "number" : null };
      return element(
        "th",
        own,
        button(head, () => sort(name)),
      );
    });
    const [before, body, after] = [element("tbody"), element("tbody"), element("tbody")];
    this.body = body;
    this.spacers = [before, after].map((place) => {
      const spacer = element("tr");
      place.append(spacer);
      place.setAttribute("aria-hidden", "true");
      return spacer;
    });
    const widths = columns.map(({ width }) => element("col", { style: `width: ${width}rem` }));
    const total = columns.reduce((sum, { width }) => sum + width, 0);
    this.table = element(
      "table",
      { "aria-label": title, class: "long", style: `width: max(100%, ${total}rem)` },
      element("colgroup", {}, widths),
      element("thead", {}, element("tr", {}, this.heads)),
      before,
      body,
      after,
    );
    const scroll = { class: "scroll", tabindex: 0, role: "region", "aria-label": title };
    this.place = element("div", scroll, this.table);
    this.place.addEventListener("scroll", () => this.scrolled(), { passive: true });
  }

  // Shows other rows, or the same in another order, from the first one on.
  show(rows) {
    this.rows = rows;
    this.table.setAttribute("aria-rowcount", rows.length + 1);
    this.place.style.setProperty("--rows", rows.length);
    this.drawn = null;
    if (this.place.scrollTop) this.place.scrollTop = 0;
    this.draw();
  }

  mark(sorting) {
    this.heads.forEach((head, i) => {
      head.removeAttribute("aria-sort");
      if (this.columns[i].name === sorting?.name)
        head.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
    });
  }

  scrolled() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      this.draw();
    });
  }

  // Draws the rows in sight and some around them, unless they are drawn already.
  draw() {
    const { rows, place } = this;
    const first = Math.floor(place.scrollTop / this.height);
    const count = Math.ceil((place.clientHeight || 20 * this.height) / this.height);
    const last = Math.min(rows.length, first + count);
    if (this.drawn && first >= this.drawn.first && last <= this.drawn.last) return;
    this.fill(Math.max(0, first - BEYOND), Math.min(rows.length, last + BEYOND));
    if (!this.isMeasured && rows.length) this.measure();
  }

  // All rows are as high as the first one.
  measure() {
    const { height } = this.body.rows[0].getBoundingClientRect();
    this.isMeasured = height > 0;
    if (!this.isMeasured || height === this.height) return;
    this.height = height;
    this.space();
  }

  // Rows that are drawn already stay, for drawing takes most of the time.
  fill(first, last) {
    const kept = this.drawn ?? { first: 0, last: 0 };
    const drawn = [...this.body.rows];
    const lines = Array.from({ length: last - first }, (_, i) => {
      const at = first + i;
      const isKept = at >= kept.first && at < kept.last;
      return isKept ? drawn[at - kept.first] : this.line(this.rows[at], at);
    });
    this.body.replaceChildren(...lines);
    this.drawn = { first, last };
    this.space();
  }

  // What is not drawn takes as much room as if it were.
  space() {
    const { first, last } = this.drawn;
    [first, this.rows.length - last].forEach((count, i) => {
      this.spacers[i].style.height = `${count * this.height}px`;
      this.spacers[i].hidden = count === 0;
    });
  }

  line(row, at) {
    const cells = this.columns.map(({ name, isNumber }, i) => {
      const { text, title } = this.cell(row, name);
      // A text turns no other one: each cell has a direction of its own.
      const own = isNumber ? { class: "number", title } : { dir: "auto", title };
      return element(i === 0 ? "th" : "td", i === 0 ? { ...own, scope: "row" } : own, text);
    });
    return element("tr", { "aria-rowindex": at + 2 }, cells);
  }
}
