// The filters of the page: choosing them, the chips that tell of them, and the address that keeps
// them. What they let through is counted elsewhere.

import { button, cut, element } from "./dom.js";
import { FacetMenu, pluralOf, RangeMenu } from "./menus.js";
import { codesOf, FACETS } from "./rows.js";
import { exact, inOrder, monthName, nameOf, words } from "./language.js";

export class Filters {
  /* bar and chips are places; changed is called whenever the reader has chosen something. */
  constructor({ bar, chips }, rows, changed) {
    Object.assign(this, { bar, chips, rows, changed });
    this.options = Object.fromEntries(FACETS.map((facet) => [facet, optionsOf(rows, facet)]));
    this.months = rows.months.slice(1);
    this.read();
    this.draw();
    window.addEventListener("hashchange", () => {
      this.read();
      this.apply();
    });
  }

  // What count.js counts.
  get selection() {
    const chosen = FACETS.filter((facet) => this.chosen[facet].length);
    return {
      first: 1 + this.months.indexOf(this.from),
      last: 1 + this.months.indexOf(this.to),
      facets: Object.fromEntries(
        chosen.map((facet) => [facet, codesOf(this.rows, facet, this.chosen[facet])]),
      ),
    };
  }

  get whole() {
    return this.from === this.months[0] && this.to === this.months.at(-1);
  }

  get any() {
    return !this.whole || FACETS.some((facet) => this.chosen[facet].length);
  }

  // What the reader should know of values that no row holds, perhaps from an older link.
  get unmatched() {
    return FACETS.flatMap((facet) =>
      this.chosen[facet]
        .filter((text) => !this.options[facet].includes(text))
        .map((text) =>
          words("No subscription matches the filter {text}.", {
            text: `${nameOf(facet)}: ${cut(text)}`,
          }),
        ),
    );
  }

  // One line for pictures, where chips cannot be.
  get sentence() {
    const chosen = FACETS.filter((facet) => this.chosen[facet].length);
    return [
      `${monthName(this.from)} – ${monthName(this.to)}`,
      ...chosen.map((facet) => this.chipText(facet)),
    ].join(" · ");
  }

  // The address after #: product=Azure&product=Power+BI&from=2025-01&to=2025-03
  read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    this.chosen = Object.fromEntries(
      FACETS.map((facet) => [
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
    const place = (name, otherwise) => {
      const at = this.months.indexOf(asked.get(name));
      return at < 0 ? otherwise : at;
    };
    const first = place("from", 0);
    const last = place("to", this.months.length - 1);
    this.from = this.months[Math.min(first, last)];
    this.to = this.months[Math.max(first, last)];
  }

  // A text as the filter offers it, whatever its case.
  known(facet, text) {
    const [code] = codesOf(this.rows, facet, [text]);
    return code === undefined ? text : this.rows.values[facet][code];
  }

  write() {
    const kept = new URLSearchParams(
      FACETS.flatMap((facet) => this.chosen[facet].map((text) => [facet, text])),
    );
    if (!this.whole) {
      kept.set("from", this.from);
      kept.set("to", this.to);
    }
    history.replaceState(null, "", `#${kept}`);
  }

  apply() {
    this.drawChips();
    for (const menu of this.menus) menu.update();
    this.range.update();
    this.changed();
  }

  choose(change) {
    Object.assign(this, change);
    this.write();
    this.apply();
  }

  chooseFacet(facet, texts) {
    this.choose({ chosen: { ...this.chosen, [facet]: texts } });
  }

  clear() {
    const chosen = Object.fromEntries(FACETS.map((facet) => [facet, []]));
    this.choose({ chosen, from: this.months[0], to: this.months.at(-1) });
  }

  draw() {
    this.range = new RangeMenu(this);
    this.menus = FACETS.filter((facet) => this.options[facet].length > 0).map(
      (facet) => new FacetMenu(this, facet),
    );
    this.bar.replaceChildren(...this.range.parts, ...this.menus.map(({ place }) => place));
    this.drawChips();
  }

  drawChips() {
    const chip = (text, title, clear) => {
      const made = button("", clear, { title: `${words("Remove")}: ${title.slice(0, 500)}` });
      made.append(element("bdi", {}, text), element("span", { "aria-hidden": "true" }, " ✕"));
      return element("li", {}, made);
    };
    const months = `${monthName(this.from)} – ${monthName(this.to)}`;
    const made = FACETS.filter((facet) => this.chosen[facet].length).map((facet) =>
      chip(this.chipText(facet), this.chosen[facet].join(", "), () => this.chooseFacet(facet, [])),
    );
    if (!this.whole) {
      made.unshift(
        chip(months, months, () => this.choose({ from: this.months[0], to: this.months.at(-1) })),
      );
    }
    if (made.length)
      made.push(
        element(
          "li",
          {},
          button(words("Clear all"), () => this.clear(), { class: "link" }),
        ),
      );
    const focused = this.chips.contains(document.activeElement);
    this.chips.replaceChildren(...made);
    if (focused) (this.chips.querySelector("button") ?? this.bar.querySelector("select")).focus();
  }

  // "3 Products", or the one value itself.
  chipText(facet) {
    const texts = this.chosen[facet];
    if (texts.length === 1) return `${nameOf(facet)}: ${cut(texts[0])}`;
    return `${exact(texts.length)} ${pluralOf(facet)}`;
  }
}

// The values of a facet that rows hold, those equal without case once, in the reader's order.
function optionsOf(rows, facet) {
  const codes = new Set();
  for (const code of rows.codes[facet]) codes.add(rows.same[facet][code]);
  return [...codes].map((code) => rows.values[facet][code]).sort(inOrder);
}
