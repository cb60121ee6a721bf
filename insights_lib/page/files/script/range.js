// The months of the report that are shown: the last few, or from one month to another.

import { button, element } from "./dom.js";
import { monthAfter } from "./marks.js";

const PRESETS = [3, 6, 12, 24]; // months up to the last one

/* Two months in their order, and no more than `longest`. set is the one that was chosen just now: the
 * other gives way to it, and is then named as `corrected`; else that is null. */
export function ordered({ from, to }, longest, set) {
  if (set === "from") {
    const furthest = monthAfter(from, longest - 1);
    if (to < from) return { from, to: from, corrected: "to" };
    if (to > furthest) return { from, to: furthest, corrected: "to" };
  } else {
    const furthest = monthAfter(to, 1 - longest);
    if (from > to) return { from: to, to, corrected: "from" };
    if (from < furthest) return { from: furthest, to, corrected: "from" };
  }
  return { from, to, corrected: null };
}

export class RangeMenu {
  constructor(filters) {
    this.filters = filters;
    const { t, months } = filters;
    const select = (set, name) =>
      element(
        "select",
        { "aria-label": name, onchange: ({ target }) => this.set(set, target.value) },
        months.map((month) => element("option", { value: month }, t.month(month))),
      );
    this.selects = { from: select("from", t("From month")), to: select("to", t("To month")) };
    this.presets = PRESETS.map((count) => this.preset(count));
    this.note = element("span", { class: "range-note" });
    this.correction = ""; // of what is being chosen
    this.update();
  }

  get parts() {
    const { t } = this.filters;
    const name = element("span", { class: "quiet" }, t("months"));
    const label = t("Up to the last month");
    return [
      element(
        "div",
        { class: "presets", role: "group", "aria-label": label },
        this.presets.map(({ made }) => made),
        name,
      ),
      element("span", { class: "range-choice" }, this.selects.from, " – ", this.selects.to),
      this.note,
    ];
  }

  // A button for the last months. Where the page does not hold all of them it says so.
  preset(count) {
    const { filters } = this;
    const { t, own, months } = filters;
    const from = monthAfter(own.to, 1 - count);
    const isThere = months.includes(from);
    const past = t("Past {count} months", { count: t.exact(count) });
    const reason = t("{past}: the data begins in {month}", { past, month: t.month(months[0]) });
    const choose = () => {
      if (isThere) filters.choose({ from, to: own.to });
      else {
        this.note.textContent = reason;
        filters.voice.say([reason]);
      }
    };
    const made = button(t.exact(count), choose, {
      "aria-label": past,
      "aria-disabled": isThere ? null : "true",
      title: isThere ? past : reason,
    });
    return { made, from };
  }

  set(name, month) {
    const { filters } = this;
    const { from, to, longest } = filters;
    const wanted = { from, to, [name]: month };
    const { corrected, ...range } = ordered(wanted, longest, name);
    if (corrected) this.correction = this.correctionOf(wanted, corrected, range[corrected]);
    filters.choose(range);
    this.selects[corrected]?.classList.add("corrected");
  }

  correctionOf(wanted, corrected, end) {
    const { t, longest } = this.filters;
    const now = { month: t.month(end), count: t.exact(longest) };
    if (wanted.from <= wanted.to)
      return t("At most {count} months: the other end is now {month}.", now);
    if (corrected === "to") return t("To was before From: it is now {month}.", now);
    return t("From was after To: it is now {month}.", now);
  }

  update() {
    const { own, from: first, to: last } = this.filters;
    const chosen = { from: first, to: last };
    for (const [name, select] of Object.entries(this.selects)) {
      select.value = chosen[name];
      select.classList.remove("corrected");
    }
    for (const { made, from } of this.presets) {
      made.setAttribute("aria-pressed", String(from === first && own.to === last));
    }
    this.note.textContent = this.correction;
    this.correction = "";
  }
}
