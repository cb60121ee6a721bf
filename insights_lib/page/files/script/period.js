// A slider above a chart with two thumbs: the first and the last month to show.

import { element } from "./dom.js";

export class Period {
  constructor(place, choose, t) {
    Object.assign(this, { place, choose });
    const oninput = ({ target }) => this.moved(target);
    const thumb = (name) =>
      element("input", { type: "range", min: 0, "aria-label": name, oninput });
    this.first = thumb(t("First month shown"));
    this.last = thumb(t("Last month shown"));
    this.text = element("output", { class: "quiet" });
    place.replaceChildren(element("div", { class: "thumbs" }, this.first, this.last), this.text);
  }

  // Shows the months and tells whether they are others than before, which begin with all of them.
  update(months) {
    const others = String(months) !== String(this.months);
    if (others) {
      this.months = months;
      for (const thumb of [this.first, this.last]) thumb.max = months.length - 1;
      [this.first.value, this.last.value] = [0, months.length - 1];
    }
    this.show();
    return others;
  }

  get value() {
    const [first, last] = [Number(this.first.value), Number(this.last.value)];
    const whole = first === 0 && last === this.months.length - 1;
    return whole ? null : [first, last];
  }

  // The thumb that is moved pushes the other one, and each stays within reach of the pointer.
  moved(moved) {
    const pushed = moved === this.first ? this.last : this.first;
    if (Number(this.first.value) > Number(this.last.value)) pushed.value = moved.value;
    this.show();
    this.choose(this.value);
  }

  show() {
    const [first, last] = [this.first, this.last].map((thumb) => Number(thumb.value));
    this.first.setAttribute("aria-valuetext", this.months[first]);
    this.last.setAttribute("aria-valuetext", this.months[last]);
    this.text.textContent = `${this.months[first]} – ${this.months[last]}`;
    const part = (place) => `${(100 * place) / Math.max(this.months.length - 1, 1)}%`;
    this.place.style.setProperty("--from", part(first));
    this.place.style.setProperty("--to", part(last));
  }
}
