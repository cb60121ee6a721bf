// Cohorts as a table whose cells are shaded by who stayed: one stop of the Tab key, arrow keys move.

import { button, element, focused, opener } from "./dom.js";
import { groups } from "./figures.js";
import { wordsOf } from "./marks.js";

const LOOKED_AT = 3; // months after which the sentence tells how many stayed

export class CohortTable {
  constructor(place, title, report) {
    Object.assign(this, { report });
    this.sentence = element("p", { class: "sentence" });
    this.table = element("table", {
      class: "heat",
      role: "grid",
      "aria-label": title,
      "aria-readonly": "true",
      onkeydown: (event) => this.move(event),
      onmouseover: ({ target }) => this.tell(target.closest("td")),
      onmouseleave: () => this.tell(null),
      onfocusin: ({ target }) => this.tell(target.closest("td")),
      onfocusout: () => this.tell(null),
    });
    this.told = element("p", { class: "told", "aria-hidden": "true", hidden: true });
    const scroll = element("div", { class: "scroll heat-scroll" }, this.table);
    scroll.addEventListener("scroll", () => this.tell(null), { passive: true });
    this.place = element("div", { class: "heat-place" }, scroll, this.told);
    place.append(this.sentence, this.place);
  }

  update({ cohorts }) {
    const { t } = this.report;
    this.cells = [];
    this.sizes = new Map(
      cohorts
        .filter((row) => row.months_since === 0)
        .map(({ cohort, customers }) => [cohort, customers]),
    );
    this.place.hidden = !cohorts.length;
    this.sentence.textContent = cohorts.length
      ? this.stayed(cohorts)
      : t("Nobody is known to be new in these months.");
    const byCohort = [...groups(cohorts, ({ cohort }) => cohort)];
    const most = byCohort.reduce((longest, [, rows]) => Math.max(longest, rows.length), 0);
    const since = Array.from({ length: most }, (_, i) => i);
    const heads = [t.nameOf("cohort"), t.nameOf("new"), ...since.map((i) => t.exact(i))];
    this.table.replaceChildren(
      element("caption", {}, t("Months since")),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          heads.map((text) => element("th", { scope: "col" }, text)),
        ),
      ),
      element(
        "tbody",
        {},
        byCohort.map(([cohort, rows]) => this.line(cohort, rows, since)),
      ),
    );
    this.at = [0, 0];
    this.focusable(this.at)?.setAttribute("tabindex", 0);
  }

  line(cohort, rows, since) {
    const { t } = this.report;
    const bySince = new Map(rows.map((row) => [row.months_since, row]));
    const cells = since.map((i) => this.cell(bySince.get(i)));
    this.cells.push(cells);
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, t.month(cohort)),
      this.size(cohort),
      cells,
    );
  }

  // How many were new, which is a month's part of the bridge.
  size(cohort) {
    const size = this.sizes.get(cohort);
    const open = this.report.opens("bridge", { month: cohort, new: size }, "new");
    const text = this.report.t.exact(size);
    return element("td", {}, open ? opener(text, open) : text);
  }

  // A share; empty in a month that the range or the data does not reach.
  cell(row) {
    if (!row || row.share_pct === null) return element("td", { tabindex: -1 });
    const { t } = this.report;
    const text = t.percent(row.share_pct);
    const name = { "aria-label": this.nameOf(row), tabindex: -1 };
    const open = this.report.opens("cohorts", row, "customers");
    const style = `--share: ${row.share_pct / 100}`;
    const made = open
      ? element("td", { style }, button(text, open, name))
      : element("td", { style, ...name }, text);
    return Object.assign(made, { row });
  }

  nameOf(row) {
    const { t } = this.report;
    const mark = { what: "cohort", cohort: row.cohort, since: row.months_since };
    return t("{share}: {count} of {size}, {words}", {
      count: t.exact(row.customers),
      size: t.counted(this.sizes.get(row.cohort), t("{count} customer"), t("{count} customers")),
      share: t.percent(row.share_pct),
      words: wordsOf(mark, t),
    });
  }

  focusable([row, column]) {
    const cell = this.cells[row]?.[column];
    return cell?.querySelector("button") ?? cell;
  }

  move(event) {
    const [row, column] = this.cells.reduce((found, cells, i) => {
      const at = cells.findIndex((cell) => cell.contains(focused(this.table)));
      return at < 0 ? found : [i, at];
    }, this.at);
    const to = {
      ArrowRight: [row, column + 1],
      ArrowLeft: [row, column - 1],
      ArrowDown: [row + 1, column],
      ArrowUp: [row - 1, column],
      Home: [row, 0],
      End: [row, this.cells[row].findLastIndex((cell) => cell.row)],
    }[event.key];
    const next = to && this.focusable(to);
    if (!next) return;
    event.preventDefault();
    this.focusable(this.at).setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
    this.at = to;
  }

  // What stands in a cell, beside it.
  tell(cell) {
    this.told.hidden = !cell?.row;
    if (!cell?.row) return;
    this.told.textContent = this.nameOf(cell.row);
    const [own, place] = [cell, this.place].map((one) => one.getBoundingClientRect());
    const room = place.width - this.told.offsetWidth;
    this.told.style.left = `${Math.max(0, Math.min(own.left - place.left, room))}px`;
    this.told.style.top = `${own.bottom - place.top + 4}px`;
  }

  // How many of all those stayed of whom it is known.
  stayed(cohorts) {
    const { t } = this.report;
    const known = cohorts.filter(
      ({ months_since: since, customers }) => since > 0 && customers !== null,
    );
    const since = Math.min(LOOKED_AT, Math.max(0, ...known.map((row) => row.months_since)));
    const looked = known.filter((row) => row.months_since === since);
    const sum = (values) => values.reduce((all, value) => all + value, 0);
    const [size, stayed] = [
      sum(looked.map((row) => this.sizes.get(row.cohort))),
      sum(looked.map((row) => row.customers)),
    ];
    const news = (count) => t.counted(count, t("{count} new customer"), t("{count} new customers"));
    if (!size)
      return t("{count}; how many stay cannot be known yet.", {
        count: news(sum([...this.sizes.values()])),
      });
    return t("Of {count} {stayed} ({share}) were current {months} later.", {
      count: news(size),
      stayed: t.exact(stayed),
      share: t.percent((100 * stayed) / size),
      months: t.counted(since, t("{count} month"), t("{count} months")),
    });
  }
}
