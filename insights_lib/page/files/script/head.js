// What stands above the cards: whose report this is, its months, its filters, and its sections.

import { button, cut, element } from "./dom.js";

export class Head {
  /* sections are the elements of the content's sections, in the same order. */
  constructor(report, sections) {
    Object.assign(this, { report });
    const { t } = report;
    this.months = element("strong", { class: "months" });
    this.asOf = element("p", { class: "quiet as-of" });
    this.found = element("p", { class: "quiet found" });
    this.unmatched = element("ul", { class: "notes unmatched" });
    const all = button(t("Download all (Excel)"), () => report.downloadAll());
    this.parts = [
      element(
        "header",
        { class: "page-head" },
        element("div", {}, this.partner(), element("h1", {}, t("Customers"))),
        element(
          "div",
          { class: "range" },
          element("p", {}, this.months),
          this.asOf,
          element("p", { class: "page-actions" }, all, report.theme.control),
        ),
      ),
      element("div", { role: "region", "aria-label": t("Filters") }, this.filterParts()),
      this.links(sections),
    ];
  }

  partner() {
    const { partner, partner_name: name } = this.report.content;
    const id = name === partner ? [] : [" ", element("span", { class: "quiet" }, partner)];
    return element("p", { class: "partner" }, element("bdi", { class: "data" }, name), id);
  }

  filterParts() {
    const { content, filters } = this.report;
    const warnings = content.warnings.map((text) => element("li", {}, text));
    return [
      this.outerFilters(),
      filters.bar,
      filters.chips,
      this.found,
      element("ul", { class: "notes" }, warnings),
      this.unmatched,
    ];
  }

  // The filters of the run, within which the reader's filters choose.
  outerFilters() {
    const { t, content } = this.report;
    const chips = Object.entries(content.filters).map(([facet, values]) => {
      const name = element("span", { class: "quiet" }, `${t.nameOf(facet)}:`);
      const texts = values.flatMap((value) => [", ", element("bdi", {}, cut(value, 200))]);
      return element("li", {}, name, " ", ...texts.slice(1));
    });
    const label = t("Filters the report was made with");
    return element("ul", { class: "chips outer", "aria-label": label }, chips);
  }

  // Links leave the address alone, for it keeps the selection.
  links(sections) {
    const made = sections.map((section) => {
      const head = section.querySelector("h2");
      const go = (event) => {
        event.preventDefault();
        section.scrollIntoView();
        head.focus({ preventScroll: true });
      };
      return element("a", { href: `#${section.id}`, onclick: go }, head.textContent);
    });
    return element("nav", { class: "sections", "aria-label": this.report.t("Sections") }, made);
  }

  update({ summary }) {
    const { t, filters } = this.report;
    const metrics = Object.fromEntries(summary.map((row) => [row.metric, row]));
    const { current_customers: current, active_customers: active } = metrics;
    const asOf = [t("Data as of {month}", { month: t.month(current.month) })];
    if (active.month && active.month !== current.month) {
      asOf.push(t("usage as of {month}", { month: t.month(active.month) }));
    }
    this.months.textContent = filters.monthsText;
    this.asOf.textContent = asOf.join(" · ");
    this.found.textContent = filters.any
      ? t("Current customers selected: {count}", { count: t.exact(current.value) })
      : "";
    this.unmatched.replaceChildren(...filters.unmatched.map((text) => element("li", {}, text)));
  }
}
