// A table that can be sorted by each column, searched, and whose rows can be chosen.

import { button, dataText, element, focused, opener } from "./dom.js";
import { marked, shown, UNKNOWN } from "./language.js";

const ROWS = [marked("{count} row"), marked("{count} rows")];
const ROWS_AT_FIRST = 100;
const SEARCHED_FROM = 21; // rows from which a search box is of use
const NUMBERS = new Set(["count", "percent", "number", "money"]);

export class Grid {
  /* title: what the table shows; columns: the kind of each, by name; and perhaps cells (functions
   * that make of a row what to show in a column instead of its text, by name), below (which column
   * is shown in small below another one, by name), bar (the column that a bar under each row shows),
   * choose (called with a row that the reader chooses, or null) and
   * count (the two texts that tell of one row, and of many). */
  constructor(place, t, options) {
    const { title, columns } = options;
    Object.assign(this, { t, options, columns });
    this.names = Object.keys(columns);
    this.sorting = null; // {name, down}
    this.all = false;
    this.chosen = () => false;
    this.search = element("input", {
      type: "search",
      placeholder: t("Search"),
      "aria-label": t.pair(t("Search"), title),
      oninput: () => this.fill("polite"),
    });
    this.total = element("p", { class: "quiet", role: "status" });
    this.heads = this.names.map((name) =>
      element(
        "th",
        { scope: "col", class: this.isNumber(name) ? "number" : null },
        button(t.nameOf(name), () => this.sort(name)),
      ),
    );
    this.body = element("tbody");
    this.more = button("", () => this.showAll(), { class: "link" });
    const table = element(
      "table",
      { "aria-label": title, class: options.bar ? "bars" : null },
      element("thead", {}, element("tr", {}, this.heads)),
      this.body,
    );
    const scroll = { class: "scroll", tabindex: 0, role: "region", "aria-label": title };
    this.scroll = element("div", scroll, table);
    const head = element("div", { class: "grid-head" }, this.total, this.search);
    place.replaceChildren(head, this.scroll, this.more);
  }

  isNumber(name) {
    return NUMBERS.has(this.columns[name]);
  }

  update(rows) {
    this.rows = rows;
    this.search.hidden = rows.length < SEARCHED_FROM;
    if (this.search.hidden) this.search.value = "";
    this.fill();
  }

  showAll() {
    this.all = true;
    this.fill();
    this.scroll.focus();
  }

  // Marks the rows for which `chosen` is true; the first one of them is brought into view.
  mark(chosen) {
    this.chosen = chosen;
    if (!this.found().some(chosen)) this.search.value = "";
    if (this.found().findIndex(chosen) >= ROWS_AT_FIRST) this.all = true;
    const at = [...this.body.rows].findIndex((row) => row.contains(focused(this.body)));
    this.fill();
    this.body.rows[at]?.querySelector("button")?.focus();
    const row = this.body.querySelector("tr.chosen");
    if (row && at < 0) this.scroll.scrollTop = row.offsetTop - this.scroll.clientHeight / 2;
  }

  // Numbers start with the largest, texts with A; the same column again is the other way round.
  sort(name) {
    const again = this.sorting?.name === name;
    this.sorting = { name, down: again ? !this.sorting.down : this.isNumber(name) };
    this.heads.forEach((head, i) => {
      head.removeAttribute("aria-sort");
      if (this.names[i] === name)
        head.setAttribute("aria-sort", this.sorting.down ? "descending" : "ascending");
    });
    this.fill();
  }

  // How many rows there are is heard when the reader searches; of filters the report speaks.
  fill(live = "off") {
    const { t } = this;
    const found = this.found();
    const visible = this.all ? found : found.slice(0, ROWS_AT_FIRST);
    this.body.replaceChildren(...visible.map((row) => this.line(row)));
    if (!found.length) {
      const nothing = element("td", { colspan: this.names.length }, t("There is nothing to show."));
      this.body.append(element("tr", {}, nothing));
    }
    const count = this.rows.length;
    const forms = this.options.count ?? ROWS;
    this.total.setAttribute("aria-live", live);
    this.total.textContent = this.search.value
      ? t("{found} of {count}", {
          found: t.exact(found.length),
          count: t.counted(count, t("{count} row"), t("{count} rows")),
        })
      : t.counted(count, ...forms.map((form) => t(form)));
    this.more.hidden = visible.length === found.length;
    this.more.textContent = t("Show all {count} rows", { count: t.exact(found.length) });
  }

  found() {
    const wanted = this.search.value.trim().toLocaleLowerCase();
    const holds = (row) =>
      this.names.some(
        (name) => typeof row[name] === "string" && this.text(row, name).includes(wanted),
      );
    const found = this.rows.filter((row) => !wanted || holds(row));
    if (!this.sorting) return found;
    const { name, down } = this.sorting;
    return found.sort((a, b) => this.compare(a[name], b[name], down ? -1 : 1));
  }

  text(row, name) {
    return shown(row[name], this.columns[name], this.t).toLocaleLowerCase();
  }

  // Unknown values stay at the end whichever way a column is sorted.
  compare(a, b, direction) {
    if (a === null || b === null) return (a === null) - (b === null);
    return direction * (typeof a === "number" ? a - b : this.t.compare(a, b));
  }

  line(row) {
    const { bar, choose } = this.options;
    const chosen = this.chosen(row);
    const cells = this.names.map((name) => this.cell(row, name));
    if (choose) {
      const attributes = { class: "pick", "aria-pressed": String(chosen) };
      const pick = button("", () => choose(chosen ? null : row), attributes);
      pick.append(...cells[0].childNodes);
      cells[0].append(pick);
    }
    const share = bar ? row[bar] : null;
    return element(
      "tr",
      { class: chosen ? "chosen" : null, style: share === null ? null : `--share: ${share}%` },
      cells,
    );
  }

  cell(row, name) {
    const special = this.options.cells?.[name];
    const content = special ? special(row) : shown(row[name], this.columns[name], this.t);
    const isText = typeof content === "string" && typeof row[name] === "string";
    const isFirst = name === this.names[0];
    const open = this.options.opens?.(row, name);
    return element(
      isFirst ? "th" : "td",
      {
        scope: isFirst ? "row" : null,
        class: this.isNumber(name) ? "number" : name,
        title: content === UNKNOWN ? this.t("not known: there is no data for it") : null,
      },
      isText ? dataText(content) : open ? opener(content, open) : content,
      this.below(row, name),
    );
  }

  below(row, name) {
    const other = this.options.below?.[name];
    if (!other || row[other.name] === null) return null;
    return element("div", { class: "below" }, shown(row[other.name], other.kind, this.t));
  }
}

/* A table under a word that opens it, in the element `details`. Its rows are made once it is open, for
 * most readers open few. */
export class FoldedGrid extends Grid {
  constructor(t, options) {
    const place = element("div");
    super(place, t, options);
    const ontoggle = () => this.stale && this.fill();
    const word = element("summary", {}, t("Table"));
    this.details = element("details", { class: "data-table", ontoggle }, word, place);
  }

  get isOpen() {
    return this.details.open;
  }

  set isOpen(isOpen) {
    this.details.open = isOpen;
    if (isOpen && this.stale) this.fill();
  }

  fill(live) {
    this.stale = !this.isOpen;
    if (this.isOpen) super.fill(live);
  }
}
