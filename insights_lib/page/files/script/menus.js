// The controls of the filters: a list of values for each facet, and of names for a column.

import { cut, element } from "./dom.js";

const MOST_OPTIONS = 100; // that are listed at a time; a search finds the others

// A facet's values as a list of boxes to tick, with a search where there are many.
export class FacetMenu {
  constructor(filters, facet) {
    Object.assign(this, { filters, facet });
    const { t } = filters;
    const name = filters.pluralOf(facet);
    this.count = element("span", { class: "badge" });
    this.search = element("input", {
      type: "search",
      placeholder: t("Search"),
      "aria-label": t.pair(t("Search"), name),
      oninput: () => this.list(),
    });
    this.boxes = element("div", { class: "boxes", role: "group", "aria-label": name });
    this.rest = element("p", { class: "quiet" });
    this.search.hidden = filters.options[facet].length <= 10;
    this.place = element(
      "details",
      { class: "menu", ontoggle: () => this.opened() },
      element("summary", {}, name, this.count),
      element("div", { class: "sheet" }, this.search, this.boxes, this.rest),
    );
    this.update();
  }

  opened() {
    if (!this.place.open) return;
    this.list();
    const sheet = this.place.lastChild;
    sheet.classList.remove("leftward");
    const { right } = sheet.getBoundingClientRect();
    sheet.classList.toggle("leftward", right > document.documentElement.clientWidth);
  }

  list() {
    const { filters, facet } = this;
    const { t } = filters;
    const wanted = this.search.value.trim().toLocaleLowerCase();
    const found = filters.options[facet].filter((text) =>
      text.toLocaleLowerCase().includes(wanted),
    );
    this.boxes.replaceChildren(...found.slice(0, MOST_OPTIONS).map((text) => this.box(text)));
    this.rest.textContent =
      found.length > MOST_OPTIONS
        ? t("{count} more; search to find them", { count: t.exact(found.length - MOST_OPTIONS) })
        : "";
  }

  box(text) {
    const { filters, facet } = this;
    const tick = element("input", {
      type: "checkbox",
      onchange: () => {
        const others = filters.chosen[facet].filter((other) => other !== text);
        filters.chooseFacet(facet, tick.checked ? [...others, text] : others);
      },
    });
    tick.value = text;
    tick.checked = filters.chosen[facet].includes(text);
    return element(
      "label",
      { title: text.length > 40 ? text.slice(0, 500) : null },
      tick,
      element("bdi", {}, cut(text)),
    );
  }

  update() {
    const chosen = this.filters.chosen[this.facet];
    this.count.textContent = chosen.length ? this.filters.t.exact(chosen.length) : "";
    for (const tick of this.boxes.querySelectorAll("input"))
      tick.checked = chosen.includes(tick.value);
  }
}

/* Names to tick, each with how many rows have it; a row with any of those that are ticked passes. */
export class CheckMenu {
  constructor(t, { column, keys, changed }) {
    Object.assign(this, { t, column, keys, changed, chosen: new Set() });
    this.badge = element("span", { class: "badge" });
    const name = t.nameOf(column);
    this.boxes = element("div", { class: "boxes", role: "group", "aria-label": name });
    this.place = element(
      "details",
      { class: "menu" },
      element("summary", {}, name, this.badge),
      element("div", { class: "sheet" }, this.boxes),
    );
  }

  // Whether a row passes; undefined while nothing is ticked.
  get test() {
    const { chosen, column } = this;
    if (!chosen.size) return undefined;
    return (row) => namesIn(row[column]).some((name) => chosen.has(name));
  }

  // Takes other rows. What they do not tell of at all is not offered.
  update(rows) {
    const { t, column, keys, chosen } = this;
    const counts = new Map(keys.map((key) => [key, 0]));
    for (const row of rows)
      for (const name of namesIn(row[column])) counts.set(name, (counts.get(name) ?? 0) + 1);
    this.place.hidden = !rows.some((row) => row[column]);
    const boxes = keys.map((key) => {
      const tick = element("input", { type: "checkbox", onchange: () => this.tick(key, tick) });
      tick.checked = chosen.has(key);
      const count = element("span", { class: "quiet" }, t.exact(counts.get(key)));
      return element("label", {}, tick, element("span", {}, t.nameOf(key)), count);
    });
    this.boxes.replaceChildren(...boxes);
  }

  tick(key, { checked }) {
    if (checked) this.chosen.add(key);
    else this.chosen.delete(key);
    this.count();
    this.changed();
  }

  clear() {
    this.chosen.clear();
    this.count();
  }

  count() {
    this.badge.textContent = this.chosen.size ? this.t.exact(this.chosen.size) : "";
  }
}

function namesIn(text) {
  return text ? text.split("; ") : [];
}
