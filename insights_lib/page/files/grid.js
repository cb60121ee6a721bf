// A table that can be sorted by each column, searched, and whose rows can be chosen.

import { button, dataText, element } from "./dom.js";
import { exact, inOrder, marked, nameOf, shown, UNKNOWN, words } from "./language.js";

const ROWS_AT_FIRST = 100;
const SEARCHED_FROM = 21; // rows from which a search box is of use

export class Grid {
  /* name: what the table shows; options: cells (what to show in a column instead of its text, by
   * name), bar (the column that a bar under each row shows), choose (called with a row that the
   * reader chooses, or null) and count (the sentence that tells how many rows there are). */
  constructor(place, name, options = {}) {
    this.options = options;
    this.sorting = null; // {column, down}
    this.all = false;
    this.chosen = () => false;
    this.search = element("input", {
      type: "search",
      placeholder: words("Search"),
      "aria-label": `${words("Search")}: ${name}`,
      oninput: () => this.fill(),
    });
    this.total = element("p", { class: "quiet", role: "status" });
    this.head = element("tr");
    this.body = element("tbody");
    this.more = button(
      "",
      () => {
        this.all = true;
        this.fill();
        this.body.closest(".scroll").focus();
      },
      { class: "link" },
    );
    const table = element(
      "table",
      { "aria-label": name, class: options.bar ? "bars" : null },
      element("thead", {}, this.head),
      this.body,
    );
    place.replaceChildren(
      element("div", { class: "grid-head" }, this.total, this.search),
      element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, table),
      this.more,
    );
  }

  update({ columns, rows }) {
    this.rows = rows;
    if (String(columns) !== String(this.columns)) {
      this.columns = columns;
      this.drawHead();
    }
    this.numeric = columns.map((_, i) => rows.every((row) => typeof row[i] !== "string"));
    this.search.hidden = rows.length < SEARCHED_FROM;
    if (this.search.hidden) this.search.value = "";
    this.fill();
  }

  // Marks the rows for which `chosen` is true; the first one of them is brought into view.
  mark(chosen) {
    this.chosen = chosen;
    if (!this.found().some(chosen)) this.search.value = "";
    if (this.found().findIndex(chosen) >= ROWS_AT_FIRST) this.all = true;
    const focused = [...this.body.rows].findIndex((row) => row.contains(document.activeElement));
    this.fill();
    this.body.rows[focused]?.querySelector("button")?.focus();
    const row = this.body.querySelector("tr.chosen");
    const scroll = this.body.closest(".scroll");
    if (row && focused < 0) scroll.scrollTop = row.offsetTop - scroll.clientHeight / 2;
  }

  drawHead() {
    this.head.replaceChildren(
      ...this.columns.map((column, i) =>
        element(
          "th",
          { scope: "col" },
          button(nameOf(column), () => this.sort(i)),
        ),
      ),
    );
  }

  // Numbers start with the largest, texts with A; the same column again is the other way round.
  sort(column) {
    const again = this.sorting?.column === column;
    this.sorting = { column, down: again ? !this.sorting.down : this.numeric[column] };
    this.fill();
  }

  fill() {
    const found = this.found();
    const visible = this.all ? found : found.slice(0, ROWS_AT_FIRST);
    this.head.querySelectorAll("th").forEach((cell, i) => {
      cell.classList.toggle("number", this.numeric[i]);
      cell.removeAttribute("aria-sort");
      if (this.sorting?.column === i)
        cell.setAttribute("aria-sort", this.sorting.down ? "descending" : "ascending");
    });
    this.body.replaceChildren(...visible.map((row) => this.line(row)));
    if (!found.length) {
      this.body.append(
        element(
          "tr",
          {},
          element("td", { colspan: this.columns.length }, words("There is nothing to show.")),
        ),
      );
    }
    const counts = { found: exact(found.length), count: exact(this.rows.length) };
    const text = this.search.value ? marked("{found} of {count} rows") : this.options.count;
    this.total.textContent = words(text ?? marked("{count} rows"), counts);
    this.more.hidden = visible.length === found.length;
    this.more.textContent = words("Show all {count} rows", { count: exact(found.length) });
  }

  found() {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    const found = this.rows.filter(
      (row) =>
        !wanted ||
        row.some(
          (value, i) =>
            typeof value === "string" &&
            shown(value, this.columns[i]).toLocaleLowerCase().includes(wanted),
        ),
    );
    if (!this.sorting) return found;
    const { column, down } = this.sorting;
    return found.sort((a, b) => compare(a[column], b[column], down ? -1 : 1));
  }

  line(row) {
    const { bar, choose } = this.options;
    const chosen = this.chosen(row);
    const cells = row.map((value, i) => {
      const made = this.cell(row, value, i);
      if (i > 0 || !choose) return made;
      const pick = button("", () => choose(chosen ? null : row), {
        class: "pick",
        "aria-pressed": String(chosen),
      });
      pick.append(...made.childNodes);
      made.append(pick);
      return made;
    });
    const share = bar ? row[this.columns.indexOf(bar)] : null;
    return element(
      "tr",
      { class: chosen ? "chosen" : null, style: share === null ? null : `--share: ${share}%` },
      cells,
    );
  }

  cell(row, value, i) {
    const column = this.columns[i];
    const special = this.options.cells?.[column];
    const content = special ? special(value, row) : shown(value, column);
    const unknown = content === UNKNOWN ? words("not known: there is no data for it") : null;
    return element(
      i === 0 ? "th" : "td",
      { scope: i === 0 ? "row" : null, class: this.numeric[i] ? "number" : column, title: unknown },
      typeof content === "string" && typeof value === "string" ? dataText(content) : content,
    );
  }
}

// Unknown values stay at the end whichever way a column is sorted.
function compare(a, b, direction) {
  if (a === null || b === null) return (a === null) - (b === null);
  return direction * (typeof a === "number" ? a - b : inOrder(a, b));
}
