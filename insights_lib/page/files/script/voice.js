// What a report says to those who listen to it: one polite sentence after each change.

import { element } from "./dom.js";
import { marked } from "./language.js";
import { wordsOf } from "./marks.js";

export class Voice {
  constructor(t) {
    this.t = t;
    this.element = element("p", { class: "heard", role: "status" });
  }

  // What the filters let through, after what had to give way.
  ofFilters({ any, range, unmatched, sentence }, { summary }) {
    const { value } = summary.find(({ metric }) => metric === "current_customers");
    const found = any
      ? marked("Current customers selected: {count}")
      : marked("Current customers, without filters: {count}");
    const count = this.t(found, { count: this.t.exact(value) });
    this.say([range.note.textContent, ...unmatched, count, any ? sentence : ""]);
  }

  // What a chart shows, after another tab, part or period was chosen in it.
  ofChart({ sentence, offers = [] }) {
    const chosen = offers.filter(Boolean).map((mark) => wordsOf(mark, this.t));
    this.say([...chosen, sentence]);
  }

  say(parts) {
    const sentences = parts.filter(Boolean).map((part) => part.replace(/\.?$/, "."));
    this.element.textContent = sentences.join(" ");
  }
}
