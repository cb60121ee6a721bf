// A table of any length, of which only the rows in sight are in the document.

import { button, element } from "./dom.js";

const BEYOND = 8; // rows drawn above and below those in sight
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
    this.place.scrollTop = 0;
    this.drawn = null;
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
    const { rows, height, place } = this;
    const first = Math.floor(place.scrollTop / height);
    const count = Math.ceil((place.clientHeight || 20 * height) / height);
    if (this.drawn && first >= this.drawn.first && first + count <= this.drawn.last) return;
    this.fill(Math.max(0, first - BEYOND), Math.min(rows.length, first + count + BEYOND));
    const measured = this.body.rows[0]?.getBoundingClientRect().height;
    if (measured && Math.abs(measured - height) > 0.1) {
      this.height = measured;
      this.space();
    }
  }

  fill(first, last) {
    this.drawn = {
      first: first === 0 ? 0 : first,
      last: last === this.rows.length ? Infinity : last,
    };
    this.range = [first, last];
    this.body.replaceChildren(
      ...Array.from({ length: last - first }, (_, i) => this.line(this.rows[first + i], first + i)),
    );
    this.space();
  }

  // What is not drawn takes as much room as if it were.
  space() {
    const [first, last] = this.range;
    [first, this.rows.length - last].forEach((count, i) => {
      this.spacers[i].style.height = `${count * this.height}px`;
      this.spacers[i].hidden = count === 0;
    });
  }

  line(row, at) {
    const cells = this.columns.map(({ name, isNumber }, i) => {
      const { text, title } = this.cell(row, name);
      const own = { class: isNumber ? "number" : null, title };
      if (i === 0) return element("th", { ...own, scope: "row" }, element("bdi", {}, text));
      return element("td", own, element("bdi", {}, text));
    });
    return element("tr", { "aria-rowindex": at + 2 }, cells);
  }
}
