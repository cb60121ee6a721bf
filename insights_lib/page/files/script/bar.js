// Above a report in a notebook: whose report it is and of which months, which can be changed there.

import { element } from "./dom.js";
import { languageOf, marked } from "./language.js";

const PRESETS = {
  last_3_months: marked("Last 3 months"),
  last_6_months: marked("Last 6 months"),
  last_12_months: marked("Last 12 months"),
};
const OTHER = "other";

export class Bar {
  constructor({ locale, texts }, model) {
    this.t = languageOf(locale, texts);
    this.model = model;
    this.asked = model.get("_asked");
    this.build(locale);
    this.listener = (message) => this.hear(message);
    model.on("msg:custom", this.listener);
  }

  build(locale) {
    const { t, asked } = this;
    const [first, last] = asked.shown;
    const isPreset = asked.date_range in PRESETS;
    const months = [...new Set([...asked.months, first, last])].sort();
    this.partner = this.select(t("Partner"), asked.partners, asked.partner);
    const periods = [...asked.presets, OTHER];
    this.period = this.select(t("Period"), periods, isPreset ? asked.date_range : OTHER, (name) =>
      t(PRESETS[name] ?? marked("Other months")),
    );
    this.from = this.select(t("From month"), months, first, t.month);
    this.to = this.select(t("To month"), months, last, t.month);
    this.between = element("span", { class: "range-choice" }, this.from, " – ", this.to);
    this.between.hidden = isPreset;
    this.said = element("p", { class: "said", role: "status" });
    this.place = element(
      "div",
      { class: "insights bar", lang: locale, role: "group", "aria-label": t("Partner") },
      element("label", {}, t("Partner"), " ", this.partner),
      element("label", {}, t("Period"), " ", this.period),
      this.between,
      this.said,
    );
  }

  select(label, values, chosen, textOf = String) {
    const options = values.map((value) =>
      element("option", { value, selected: value === chosen }, textOf(value)),
    );
    const change = () => this.ask();
    return element("select", { "aria-label": label, onchange: change }, options);
  }

  get dateRange() {
    if (this.period.value !== OTHER) return this.period.value;
    return [this.from.value, this.to.value].sort().join("_");
  }

  // Months of one's own are asked for once they are others than those that are shown.
  ask() {
    this.between.hidden = this.period.value !== OTHER;
    const [partner, dateRange] = [this.partner.value, this.dateRange];
    if (partner === this.asked.partner && dateRange === this.asked.shown.join("_")) return;
    this.say(this.t("Opening …"));
    this.model.send({ open: { partner, date_range: dateRange } });
  }

  // Python answers with what hinders it, or nothing.
  hear({ answer }) {
    if (answer !== undefined) this.say(answer);
  }

  say(text) {
    this.said.textContent = text;
  }

  paint(palette, theme) {
    this.place.style.colorScheme = theme;
    for (const [name, color] of Object.entries(palette)) {
      this.place.style.setProperty(`--${name}`, color);
    }
  }

  destroy() {
    this.model.off("msg:custom", this.listener);
    this.place.remove();
  }
}
