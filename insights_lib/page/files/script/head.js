// What stands above the cards: whose report this is, its months, its filters, and its sections.

import { iconButton } from "./actions.js";
import { cut, element } from "./dom.js";
import { monthNotes } from "./unfinished.js";

// The part of the window, below the bar of sections, in which a section is where one is.
const WHERE_ONE_IS = "-25% 0px -70% 0px";

export class Head {
  /* sections are the elements of the content's sections, in the same order. */
  constructor(report, sections) {
    Object.assign(this, { report });
    const { t } = report;
    this.months = element("strong", { class: "months" });
    this.asOf = element("p", { class: "quiet as-of" });
    this.found = element("p", { class: "quiet found" });
    this.notes = element("ul", { class: "notes" });
    const all = iconButton("excel", t("Download all (Excel)"), () => report.takeaway.bookOfAll());
    this.parts = [
      element(
        "header",
        { class: "page-head" },
        element("div", {}, this.partner(), element("h1", {}, t("Customers"))),
        element("div", { class: "range" }, element("p", {}, this.months), this.asOf),
        element("p", { class: "page-actions" }, all, report.theme.control),
        this.outerFilters(),
        this.notes,
      ),
      element("div", { class: "toolbar" }, this.filterBar(), this.links(sections)),
    ];
    this.follow(sections);
  }

  partner() {
    const { partner, partner_name: name } = this.report.content;
    const id = name === partner ? [] : [" ", element("span", { class: "quiet" }, partner)];
    return element("p", { class: "partner" }, element("bdi", { class: "data" }, name), id);
  }

  // What a reader should know of the months and filters that are chosen, and of the exports.
  noteTexts() {
    const { content, filters, t } = this.report;
    const { absent_dimensions: absent, unmatched_filters: unmatched } = content;
    const items = absent.map(t.nameOf).join(", ");
    const columns = t("No export of these months has a column for: {items}.", { items });
    return [
      ...monthNotes(this.report),
      ...(items ? [columns] : []),
      ...unmatched.map((text) => t("No subscription matches the filter {text}.", { text })),
      ...filters.unmatched,
    ];
  }

  // What can be chosen, and one line of what is, which takes its room before anything is chosen.
  filterBar() {
    const { t, filters } = this.report;
    const chosen = element("div", { class: "chosen" }, this.found, filters.chips);
    const named = { role: "region", "aria-label": t("Filters") };
    return element("div", named, filters.bar, chosen);
  }

  // The filters of the run, within which the reader's filters choose.
  outerFilters() {
    const { t, content } = this.report;
    const chips = Object.entries(content.filters).map(([facet, values]) => {
      const name = element("span", { class: "quiet" }, t.pair(t.nameOf(facet), ""));
      const texts = values.flatMap((value) => [", ", element("bdi", {}, cut(value, 200))]);
      return element("li", {}, name, ...texts.slice(1));
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
    this.nav = element("nav", { class: "sections", "aria-label": this.report.t("Sections") }, made);
    return this.nav;
  }

  // Marks the section in which one is, and keeps its link in sight.
  follow(sections) {
    const there = new Set();
    // A busy browser reports several changes in one call, the oldest first.
    const mark = (seen) => {
      for (const { target, isIntersecting } of seen)
        if (isIntersecting) there.add(target);
        else there.delete(target);
      const here = sections.find((section) => there.has(section));
      if (!here) return;
      sections.forEach((section, i) => {
        const link = this.nav.children[i];
        if (section !== here) link.removeAttribute("aria-current");
        else {
          link.setAttribute("aria-current", "true");
          this.nav.scrollLeft = link.offsetLeft - this.nav.clientWidth / 3;
        }
      });
    };
    const observer = new IntersectionObserver(mark, { rootMargin: WHERE_ONE_IS });
    for (const section of sections) observer.observe(section);
    this.nav.firstChild?.setAttribute("aria-current", "true");
    this.report.signal.addEventListener("abort", () => observer.disconnect());
  }

  // Until what is selected has been counted.
  showCounting() {
    const { t } = this.report;
    this.found.textContent = t("Counting …");
    this.showSelected();
  }

  // What is known of a selection before it is counted.
  showSelected() {
    this.months.textContent = this.report.filters.monthsText;
    this.notes.replaceChildren(...this.noteTexts().map((text) => element("li", {}, text)));
  }

  update({ summary }) {
    const { t, filters } = this.report;
    const metrics = Object.fromEntries(summary.map((row) => [row.metric, row]));
    const { current_customers: current, active_customers: active } = metrics;
    const asOf = [t("Data as of {month}", { month: t.month(current.month) })];
    if (active.month && active.month !== current.month) {
      asOf.push(t("usage as of {month}", { month: t.month(active.month) }));
    }
    this.showSelected();
    this.asOf.textContent = asOf.join(" · ");
    this.found.textContent = filters.any
      ? t("Current customers selected: {count}", { count: t.exact(current.value) })
      : t("No filters chosen");
  }
}
