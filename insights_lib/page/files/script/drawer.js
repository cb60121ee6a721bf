// The customers behind a number, in a window over the report: opened by a mark, closed the way back.

import { button, element } from "./dom.js";
import { behind } from "./behind.js";
import { CustomerList } from "./list.js";
import { readMark, wordsOf, writeMark } from "./marks.js";
import { ownMonthsNote, SIGNALS } from "./notes.js";

export class Drawer {
  constructor(report) {
    Object.assign(this, { report, mark: null });
    const { t } = report;
    this.chip = element("span", { class: "chip" });
    this.months = element("span", { class: "quiet" });
    const title = element("h2", { id: report.id("behind") }, t("Customers behind the number"));
    const actions = element("div", { class: "actions" });
    this.list = new CustomerList(report, { title: title.textContent, actions });
    const back = button(t("Back to the report"), () => this.close(), { class: "back" });
    this.dialog = element(
      "dialog",
      { class: "drawer", "aria-labelledby": title.id, oncancel: (event) => this.cancel(event) },
      element("header", { class: "drawer-head" }, back, title, actions),
      element("p", { class: "drawer-what" }, this.chip, this.months),
      element("p", { class: "quiet note" }, ownMonthsNote("customers", report)),
      this.list.place,
    );
    // A click beside the window leads back, too.
    this.dialog.addEventListener("click", ({ target }) => target === this.dialog && this.close());
    report.root.append(this.dialog);
  }

  // Opens the list behind a number; the address keeps it, and the way back leads out of it.
  open(mark) {
    const { filters, address } = this.report;
    const kept = [filters.query, writeMark(mark)].filter(Boolean).join("&");
    const found = this.show(mark);
    if (found) this.report.picked({ mark, what: this.chip.textContent, ...found });
    if (address.enter) address.enter(kept);
    else address.write(kept);
    this.report.draw();
  }

  // Gives what it shows; null if that is not to be found.
  show(mark) {
    const { report } = this;
    const { t, filters } = report;
    const found = rowsBehind(report.source, mark);
    if (!found) return null;
    this.mark = mark;
    this.chip.textContent = wordsOf(mark, t);
    this.months.textContent = filters.any ? filters.sentence : "";
    this.list.reset();
    if (!this.dialog.open) this.dialog.showModal();
    this.list.show(found);
    report.root.classList.add("opened");
    return found;
  }

  // Shows what the address keeps, which may be nothing.
  follow() {
    const { report } = this;
    const { declared, rows, address } = report;
    const known = { declared, months: rows.months, signals: Object.keys(SIGNALS) };
    const mark = readMark(address.read(), known);
    if (mark) this.show(mark);
    else this.hide();
  }

  hide() {
    this.mark = null;
    this.report.root.classList.remove("opened");
    if (this.dialog.open) this.dialog.close();
  }

  close() {
    const { filters, address } = this.report;
    this.hide();
    if (address.leave) address.leave(filters.query);
    else address.write(filters.query);
    this.report.draw();
  }

  // Escape closes a menu first.
  cancel(event) {
    event.preventDefault();
    const menu = this.dialog.querySelector(".menu[open]");
    if (menu) menu.open = false;
    else this.close();
  }
}

// Of renewals, those that renew by themselves are the rest of what is there.
function rowsBehind(source, mark) {
  const found = behind(source, mark);
  if (!found || mark.without_auto_renew !== false) return found;
  const renews = ({ auto_renew: flag }) => !["no", "mixed"].includes(flag);
  return { ...found, rows: found.rows.filter(renews) };
}
