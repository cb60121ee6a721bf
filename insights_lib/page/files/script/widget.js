// The report live in a cell of a notebook: an anywidget. Its model is the Explorer of
// insights_lib/analysis/explorer.py.

import { Bar } from "./bar.js";
import { element } from "./dom.js";
import { mount } from "./mount.js";
import { followAround, themeAround } from "./notebook_theme.js";
import { libraryOf } from "./plotly.js";
import { inflated } from "./rows.js";
import { queryOf, selectionOf } from "./selection.js";

export default {
  render({ model, el }) {
    const widget = new Widget(model, el);
    return () => widget.destroy();
  },
};

class Widget {
  constructor(model, place) {
    this.model = model;
    this.place = place;
    this.stop = new AbortController();
    place.classList.add("insights-live");
    // What is typed in the report is no shortcut of JupyterLab.
    place.dataset.lmSuppressShortcuts = "true";
    this.inside = element("div");
    this.root = place.attachShadow({ mode: "open" });
    this.on("change:_content", () => this.show());
    this.library = this.unpack();
    this.show();
  }

  // Listens to the model until the widget goes.
  on(event, listener) {
    this.model.on(event, listener);
    this.stop.signal.addEventListener("abort", () => this.model.off(event, listener));
  }

  async unpack() {
    const { plotly, world, style } = JSON.parse(await inflated(this.model.get("_library")));
    if (!this.stop.signal.aborted) this.root.append(element("style", {}, style), this.inside);
    return libraryOf(plotly, world);
  }

  // Shows what the model has now, which may be another report than before.
  async show() {
    const packed = this.model.get("_content");
    const content = JSON.parse(await inflated(packed));
    // It may have changed or gone meanwhile.
    if (this.stop.signal.aborted || packed !== this.model.get("_content")) return;
    this.clear();
    this.bar = new Bar(content, this.model);
    this.inside.append(this.bar.place);
    this.report = mount(this.inside, content, {
      library: () => this.library,
      address: this.addressOf(content.declared),
      theme: {
        outside: themeAround,
        follow: followAround,
        show: (theme) => this.bar.paint(content.palettes[theme], theme),
      },
      picked: (found) => this.tell(found),
    });
  }

  /* The selection of the model is the address of the report; what else the report keeps in it, such as
   * the number that is opened, stays here. */
  addressOf({ facets }) {
    let kept = queryOf(this.model.get("selection"));
    const write = (text) => {
      kept = text;
      const chosen = selectionOf(text, facets);
      if (queryOf(chosen) === queryOf(this.model.get("selection"))) return;
      this.model.set("selection", chosen);
      this.model.save_changes();
    };
    return {
      write,
      read: () => kept,
      follow: (changed, signal) => {
        const moved = () => {
          const text = queryOf(this.model.get("selection"));
          if (text === queryOf(selectionOf(kept, facets))) return;
          kept = text;
          changed();
        };
        this.model.on("change:selection", moved);
        signal.addEventListener("abort", () => this.model.off("change:selection", moved));
      },
    };
  }

  tell({ mark, what, kind, rows }) {
    const customers = rows.map(({ customer }) => customer);
    const own = { flows: "month", values: "value" }[kind];
    const beside = own ? { [own]: rows.map((row) => row[own]) } : {};
    this.model.send({ picked: { what, mark, customers, beside } });
  }

  clear() {
    this.report?.destroy();
    this.bar?.destroy();
    this.inside.replaceChildren();
  }

  destroy() {
    this.stop.abort();
    this.clear();
    this.root.replaceChildren();
  }
}
