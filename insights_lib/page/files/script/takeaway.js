// What a reader takes along: tables as CSV and workbooks, charts as pictures. All of it waits until what is
// selected is shown.

import { csv, save } from "./downloads.js";
import { pictureOf } from "./pictures.js";
import { workbook } from "./workbook.js";

const LONGEST_FILE_NAME = 80;

export class Takeaway {
  constructor(report) {
    this.report = report;
  }

  // Names of files tell what is selected, as far as names can be long.
  fileName(name) {
    const { content, filters } = this.report;
    const chosen = filters.values.map((text) => text.replace(/[^\p{L}\p{N}]+/gu, "-"));
    const parts = [name, content.partner, filters.from, filters.to, ...chosen];
    return Array.from(parts.join("_")).slice(0, LONGEST_FILE_NAME).join("");
  }

  table(name) {
    const { columns, tables } = this.report;
    return { columns: columns[name], rows: tables[name] };
  }

  async csv(name) {
    await this.report.shown;
    save(`${this.fileName(name)}.csv`, csv(this.table(name)));
  }

  async book(name) {
    await this.report.shown;
    save(`${this.fileName(name)}.xlsx`, this.workbook([this.sheet(name, this.table(name))]));
  }

  async bookOfAll() {
    await this.report.shown;
    const { cards, tables } = this.report;
    const shown = cards.map(({ name }) => name).filter((name) => name in tables);
    const sheets = shown.map((name) => this.sheet(name, this.table(name)));
    save(`${this.fileName("report")}.xlsx`, this.workbook(sheets));
  }

  // A table as a sheet of a workbook. What is not declared has names of its own.
  sheet(name, { columns, rows }) {
    const { t, declared, columns: known } = this.report;
    const isOwn = !(name in declared.tables) && name in known;
    const nameOf = isOwn ? String : t.nameOf;
    const heads = Object.keys(columns).map(nameOf);
    return { name, title: nameOf(name), columns, heads, rows };
  }

  workbook(sheets) {
    const { content, filters: chosen, t } = this.report;
    const { partner, partner_name: name, filters } = content;
    const who = name === partner ? partner : `${name} (${partner})`;
    const outer = Object.entries(filters).map(([facet, values]) =>
      t.pair(t.nameOf(facet), values.join(", ")),
    );
    const now = new Date();
    const written = new Date(now - now.getTimezoneOffset() * 60_000).toISOString();
    const when = written.slice(0, 16).replace("T", " ");
    const about = [who, chosen.monthsText, ...outer, ...chosen.texts, when];
    return workbook(sheets, about.join(" · "), t);
  }

  async picture(panel) {
    await this.report.shown;
    const { content, cards, filters, tables, t } = this.report;
    // A card out of sight may not be drawn yet; and what is selected can change meanwhile.
    cards.find((card) => card.panel === panel).show(tables, true);
    const name = this.fileName(panel.name);
    const subtitle = `${content.partner_name} · ${filters.sentence}`;
    const { type, content: drawing } = await pictureOf(panel, subtitle);
    save(`${name}.${type}`, drawing);
    const why = t("This browser lets no page read its own pictures: this one is saved as SVG.");
    panel.tell(type === "svg" ? why : "");
  }
}
