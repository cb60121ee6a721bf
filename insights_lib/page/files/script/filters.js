// The filters of the page: choosing them, the chips that tell of them, and the address that keeps
// them. What they let through is counted elsewhere.

import { button, cut, element, focused } from "./dom.js";
import { monthAfter } from "./marks.js";
import { FacetMenu } from "./menus.js";
import { ordered, RangeMenu } from "./range.js";
import { codesOf, valuesSeen } from "./rows.js";

export class Filters {
  /* address keeps what is chosen, see mount.js; changed is called whenever the reader has chosen
   * something. */
  constructor({ t, declared, content, voice }, rows, address, changed) {
    Object.assign(this, { t, rows, voice, address, changed, longest: content.longest_range });
    this.facets = declared.facets;
    this.plurals = declared.plurals;
    // Months that can be chosen; the one before them is there, too. The report has its own.
    this.months = rows.months.slice(1);
    this.own = { from: rows.months[rows.first], to: rows.months.at(-1) };
    this.bar = element("div", { class: "filters" });
    this.chips = element("ul", { class: "chips applied", "aria-label": t("Applied filters") });
    this.read();
    this.draw();
  }

  // The address has changed by other hands.
  follow() {
    const before = this.query;
    this.read();
    if (this.query !== before) this.apply();
  }

  // The facets in which something is chosen.
  get used() {
    return this.facets.filter((facet) => this.chosen[facet].length);
  }

  // The chosen months, as positions among those of the rows.
  get span() {
    const { months } = this.rows;
    return { first: months.indexOf(this.from), last: months.indexOf(this.to) };
  }

  // What count.js counts.
  get selection() {
    return {
      ...this.span,
      facets: Object.fromEntries(
        this.used.map((facet) => [facet, codesOf(this.rows, facet, this.chosen[facet])]),
      ),
    };
  }

  get whole() {
    return this.from === this.own.from && this.to === this.own.to;
  }

  get any() {
    return !this.whole || this.used.length > 0;
  }

  // What the reader should know of values that no row holds, perhaps from an older link.
  get unmatched() {
    return this.used.flatMap((facet) =>
      this.chosen[facet]
        .filter((text) => !this.options[facet].includes(text))
        .map((text) =>
          this.t("No subscription matches the filter {text}.", {
            text: this.t.pair(this.t.nameOf(facet), cut(text)),
          }),
        ),
    );
  }

  // One line for pictures, where chips cannot be.
  get sentence() {
    return [this.monthsText, ...this.used.map((facet) => this.chipText(facet))].join(" · ");
  }

  // The values that are chosen, and the same in full as a reader calls them.
  get values() {
    return this.used.flatMap((facet) => this.chosen[facet]);
  }

  get texts() {
    return this.used.map((facet) =>
      this.t.pair(this.t.nameOf(facet), this.chosen[facet].join(", ")),
    );
  }

  get monthsText() {
    return `${this.t.month(this.from)} – ${this.t.month(this.to)}`;
  }

  // As many months, right before these.
  get monthsBeforeText() {
    const count = this.months.indexOf(this.to) - this.months.indexOf(this.from) + 1;
    return this.t.range(monthAfter(this.from, -count), monthAfter(this.from, -1));
  }

  // The address: product=Azure&product=Power+BI&from=2025-01&to=2025-03
  read() {
    const asked = new URLSearchParams(this.address.read());
    this.chosen = Object.fromEntries(
      this.facets.map((facet) => [
        facet,
        [
          ...new Set(
            asked
              .getAll(facet)
              .filter(Boolean)
              .map((text) => this.known(facet, text)),
          ),
        ],
      ]),
    );
    const known = (month) => (this.months.includes(month) ? month : null);
    const [from, to] = [known(asked.get("from")), known(asked.get("to"))];
    // A month alone goes with the end of the report's own range, or with itself beyond that.
    const { own } = this;
    const end = to ?? own.to;
    const start = from ?? (end < own.from ? end : own.from);
    const [first, last] = [start, end].sort();
    const range = ordered({ from: first, to: last }, this.longest, "to");
    Object.assign(this, { from: range.from, to: range.to });
    this.offer();
  }

  // The values that the menus offer: those of the months from the earliest that is shown on.
  offer() {
    const since = Math.min(this.rows.first, this.span.first);
    if (since === this.since) return;
    this.since = since;
    this.options = Object.fromEntries(
      this.facets.map((facet) => [facet, valuesSeen(this.rows, facet, since).sort(this.t.compare)]),
    );
  }

  // A text as the filter offers it, whatever its case.
  known(facet, text) {
    const [code] = codesOf(this.rows, facet, [text]);
    return code === undefined ? text : this.rows.values[facet][code];
  }

  // What the address keeps of it.
  get query() {
    const kept = new URLSearchParams(
      this.used.flatMap((facet) => this.chosen[facet].map((text) => [facet, text])),
    );
    if (!this.whole) {
      kept.set("from", this.from);
      kept.set("to", this.to);
    }
    return String(kept);
  }

  apply() {
    this.offer();
    this.drawChips();
    for (const menu of this.menus) menu.update();
    this.range.update();
    this.changed();
  }

  choose(change) {
    Object.assign(this, change);
    this.address.write(this.query);
    this.apply();
  }

  chooseFacet(facet, texts) {
    this.choose({ chosen: { ...this.chosen, [facet]: texts } });
  }

  clear() {
    const chosen = Object.fromEntries(this.facets.map((facet) => [facet, []]));
    this.choose({ chosen, ...this.own });
  }

  draw() {
    this.range = new RangeMenu(this);
    this.menus = this.facets
      .filter((facet) => this.options[facet].length > 0)
      .map((facet) => new FacetMenu(this, facet));
    this.bar.replaceChildren(...this.range.parts, ...this.menus.map(({ place }) => place));
    this.drawChips();
  }

  drawChips() {
    const { t, used, chosen } = this;
    const made = used.map((facet) =>
      this.chip(this.chipText(facet), chosen[facet].join(", "), () => this.chooseFacet(facet, [])),
    );
    if (!this.whole) {
      const clear = () => this.choose(this.own);
      made.unshift(this.chip(this.monthsText, this.monthsText, clear));
    }
    if (made.length) {
      const all = button(t("Clear all"), () => this.clear(), { class: "link" });
      made.push(element("li", {}, all));
    }
    const inside = this.chips.contains(focused(this.chips));
    this.chips.replaceChildren(...made);
    if (inside) (this.chips.querySelector("button") ?? this.bar.querySelector("select")).focus();
  }

  chip(text, title, clear) {
    const made = button("", clear, { title: this.t.pair(this.t("Remove"), title.slice(0, 500)) });
    made.append(element("bdi", {}, text), element("span", { "aria-hidden": "true" }, " ✕"));
    return element("li", {}, made);
  }

  // "3 Products", or the one value itself.
  chipText(facet) {
    const texts = this.chosen[facet];
    if (texts.length === 1) return this.t.pair(this.t.nameOf(facet), cut(texts[0]));
    return `${this.t.exact(texts.length)} ${this.pluralOf(facet)}`;
  }

  pluralOf(facet) {
    return this.t(this.plurals[facet]);
  }
}
