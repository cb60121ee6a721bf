// A chart on its card: tabs, a sentence, the legend, a slider, and the drawing itself.

import { NOTHING } from "./charts.js";
import { button, cut, element } from "./dom.js";
import { wordsOf } from "./marks.js";
import { Period } from "./period.js";
import { mapNow } from "./plotly.js";
import { markUnder } from "./pointer.js";
import { drawTabs } from "./tabs.js";
import { hasNobody, unfinishedList, whyNothing, withUnfinished } from "./unfinished.js";

const NARROW = 560; // pixels below which a chart leaves out what needs room
const CONFIG = { displayModeBar: false, scrollZoom: false, showTips: false };
const ON_PAPER = 0.7; // of its height on a screen, with the same width
const CLICK = 6; // pixels that a pointer may move for a click; more is a drag

// Who came and left can hardly be seen on a stack of all who stayed, which its legend brings back.
const HIDDEN_AT_FIRST = { adds_and_churns: ["existing"] };

export class Panel {
  /* draw is a function of charts.js; chosen is called when the reader has chosen something in the
   * chart or its legend, and openTable when the chart's table is wanted. pictureButton is the button
   * for one of the chart. */
  constructor(report, { name, title, draw, chosen = () => {}, openTable, pictureButton }) {
    Object.assign(this, { report, name, title, chosen, pictureButton });
    pictureButton.hidden = true; // until there is something to take along
    this.draw = (tables, state) => withUnfinished(draw(tables, state, report), name, report);
    const { t } = report;
    this.atFirst = HIDDEN_AT_FIRST[name] ?? [];
    this.state = { tab: null, hidden: new Set(this.atFirst), period: null, chosen: null };
    const named = (text) => ({ role: "group", "aria-label": t.pair(text, title) });
    this.tabs = element("div", { class: "tab-place" });
    this.sentence = element("p", { class: "sentence", id: report.id(`${name}-sentence`) });
    this.legend = element("div", { class: "legend", ...named(t("Legend")) });
    this.slider = element("div", { class: "period", ...named(t("Period shown")) });
    this.period = new Period(this.slider, (period) => this.change({ period }), t);
    this.hint = element(
      "p",
      { class: "hint", id: report.id(`${name}-hint`) },
      t("Press T for the table."),
    );
    this.plots = element("div", {
      class: "plots",
      role: "img",
      tabindex: 0,
      "aria-label": title,
      "aria-describedby": `${this.sentence.id} ${this.hint.id}`,
      "aria-keyshortcuts": "T",
      onkeydown: (event) => {
        if (event.key.toLowerCase() === "t" && !event.ctrlKey && !event.metaKey) openTable();
      },
    });
    this.unfinished = element("ul", { class: "unfinished quiet" });
    this.offers = element("p", { class: "offers" });
    this.under = element("p", { class: "quiet remark" });
    this.choice = button("", () => this.change(this.chart.choice.state), { class: "choice" });
    this.answer = element("p", { class: "quiet remark" });
    this.panel = element(
      "div",
      { class: "panel", id: report.id(`${name}-panel`) },
      this.answer,
      this.sentence,
      this.legend,
      this.unfinished,
      this.slider,
      this.offers,
      this.choice,
      this.plots,
      this.hint,
      this.under,
    );
    this.printed = element("ul", { class: "print-only" });
  }

  get parts() {
    return [this.tabs, this.panel, this.printed];
  }

  // Takes other tables; what is drawn follows with the next redraw().
  update(tables) {
    this.tables = tables;
    this.stale = true;
  }

  change(state) {
    if ("tab" in state) this.state.hidden = new Set(this.atFirst);
    Object.assign(this.state, state);
    this.redraw();
    this.report.voice.ofChart(this.chart);
  }

  // Draws what has changed since the last time.
  redraw() {
    this.stale = false;
    this.state.width = this.panel.clientWidth;
    this.state.narrow = this.state.width < NARROW;
    let chart = this.draw(this.tables, this.state);
    if (chart.months && this.period.update(chart.months)) {
      this.state.period = null; // of other months than these
      chart = this.draw(this.tables, this.state);
    }
    this.chart = chart;
    drawTabs(this.tabs, {
      tabs: chart.tabs,
      chosen: chart.tab,
      name: this.title,
      panel: this.panel.id,
      choose: (tab) => this.change({ tab }),
    });
    if (chart.tabs.length > 1) this.panel.setAttribute("role", "tabpanel");
    this.panel.setAttribute("aria-label", this.title);
    this.drawParts(chart);
  }

  // What has nothing to show says why, and takes no more room than that.
  drawParts({ sentence, under, months, legend = [], unfinished, offers = [], choice, plots }) {
    const { name, report } = this;
    const isEmpty = this.showsNothing(sentence, months);
    this.under.hidden = !under;
    this.under.textContent = under ?? "";
    this.answer.textContent = "";
    this.sentence.textContent = (isEmpty && whyNothing(name, report)) || sentence;
    this.drawLegend(isEmpty ? [] : legend);
    this.unfinished.replaceChildren(...(isEmpty ? [] : unfinishedList(unfinished)));
    this.slider.hidden = isEmpty || !months || months.length < 3;
    this.drawOffers(offers);
    this.drawChoice(isEmpty ? null : choice);
    this.drawPlots(isEmpty ? [] : plots);
  }

  // Says a sentence on what was asked of the chart, which stays until it is drawn again.
  tell(text) {
    this.answer.textContent = text;
    if (text) this.report.voice.say([text]);
  }

  showsNothing(sentence, months) {
    const { t, tables } = this.report;
    return sentence === t(NOTHING) || (months && hasNobody(tables));
  }

  drawChoice(choice) {
    this.choice.hidden = !choice;
    this.choice.textContent = choice?.text ?? "";
  }

  // What is chosen in a chart can be opened beside it, where a click on it has chosen it.
  drawOffers(marks) {
    const { report } = this;
    const known = marks.filter(Boolean);
    this.offers.hidden = !known.length;
    const made = known.map((mark) => {
      const text = report.t("Show customers: {what}", { what: cut(wordsOf(mark, report.t), 60) });
      return button(text, () => report.open(mark));
    });
    this.offers.replaceChildren(...made);
  }

  // Entries are switched on and off; where one of them can be chosen, they choose it.
  drawLegend(entries) {
    this.legend.hidden = !entries.length;
    this.legend.classList.toggle(
      "picks",
      entries.some(({ chosen }) => chosen !== undefined),
    );
    const keys = entries.map(({ key, color }) => `${key}\n${color}`).join("\n");
    if (keys !== this.legendKeys) {
      this.legendKeys = keys;
      this.legend.replaceChildren(
        ...entries.map(({ key, text, color, chosen }) => {
          const swatch = element(
            "span",
            { class: "swatch", style: `background: ${color}`, "aria-hidden": "true" },
            this.report.figures.shape(color),
          );
          const entry = button(
            "",
            () => (chosen === undefined ? this.toggle(key) : this.pick(key)),
            {
              title: text.length > 40 ? text.slice(0, 500) : null,
            },
          );
          entry.append(swatch, element("bdi", {}, cut(text)));
          return entry;
        }),
      );
    }
    entries.forEach(({ key, chosen }, i) => {
      const pressed = chosen ?? !this.state.hidden.has(key);
      this.legend.children[i].setAttribute("aria-pressed", String(pressed));
    });
  }

  toggle(key) {
    const { hidden } = this.state;
    if (!hidden.delete(key)) hidden.add(key);
    this.redraw();
  }

  // Choosing the same again chooses nothing.
  pick(key) {
    this.change({ chosen: this.state.chosen === key ? null : key });
    this.chosen(this.state.chosen);
  }

  drawPlots(plots) {
    while (this.plots.children.length < plots.length) this.plots.append(this.newPlace());
    const isPaper = this.report.root.classList.contains("paper");
    this.plots.hidden = this.pictureButton.hidden = !plots.length;
    [...this.plots.children].forEach((place, i) => {
      place.hidden = i >= plots.length;
    });
    plots.forEach(({ data, layout, title }, i) => {
      const place = this.plots.children[i];
      const [head, plot] = place.children;
      head.textContent = title ? cut(title) : "";
      const size = { width: place.clientWidth, height: (isPaper ? ON_PAPER : 1) * layout.height };
      plot.style.minHeight = `${size.height}px`;
      const isNew = !plot.data;
      // A layout of its own, for plotly changes what it is given.
      this.report.plotly.react(plot, data, { ...layout, ...size }, CONFIG);
      if (isPaper) mapNow(plot);
      if (isNew) this.listen(place, plot, i);
    });
  }

  newPlace() {
    return element(
      "div",
      {},
      element("p", { class: "plot-title" }),
      element("div", { class: "plot" }),
    );
  }

  // A click on a point chooses it or opens what is behind it; a drag does neither.
  listen(place, plot, i) {
    let pressed = null;
    place.addEventListener("pointerdown", (event) => (pressed = event), { capture: true });
    plot.on("plotly_click", ({ points, event }) => {
      const from = pressed ?? event;
      const moved = Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY);
      if (moved > CLICK) return;
      const { keys, marks } = this.chart.plots[i];
      const [point] = points;
      const key = keys?.[point.curveNumber]?.[point.pointNumber ?? point.i];
      if (key !== undefined) this.pick(key);
      const at = { x: from.clientX, y: from.clientY }; // the end of a touch has no place
      const mark = marks && markUnder(plot, points, marks, at);
      if (mark) this.report.open(mark);
    });
    let near = [];
    plot.on("plotly_hover", ({ points }) => (near = points));
    plot.on("plotly_unhover", () => (near = []));
    plot.addEventListener("pointermove", ({ clientX: x, clientY: y }) => {
      const { marks } = this.chart.plots[i];
      const opens = marks && markUnder(plot, near, marks, { x, y });
      plot.classList.toggle("opens-here", Boolean(opens));
    });
  }

  // Takes the drawings away, and all that plotly keeps of them.
  purge() {
    for (const place of this.plots.children) this.report.plotly?.purge(place.lastChild);
  }

  // The tabs in words, for paper, where nobody can choose them.
  drawPrinted() {
    const { tabs } = this.chart;
    this.printed.replaceChildren(
      ...(tabs.length > 1 ? tabs.slice(0, 24) : []).map(({ key, text }) => {
        const { sentence } = this.draw(this.tables, { ...this.state, tab: key });
        return element("li", {}, element("strong", {}, cut(text)), ` – ${sentence}`);
      }),
    );
  }
}
