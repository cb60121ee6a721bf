// How a report is read: light or dark, on paper, at another width. All that listens here stops with the
// report's signal.

import { icon } from "./actions.js";
import { button, focused } from "./dom.js";

const MOST_PRINTED = 60; // rows of a table that paper shows

/* Light or dark as the system has it, until the reader switches. own is {kept, keep, show, outside,
 * follow}, all of them optional: the theme that the reader once chose, a function that keeps another,
 * one that is told which theme is shown; one that gives the theme of what is around the report, if it
 * has one, which then stands for the system's, and follow(changed, signal), which tells when that
 * changes and ends the reader's choice. */
export class Theme {
  constructor({ root, figures, t, signal }, own, redraw) {
    Object.assign(this, { root, figures, t, own, redraw });
    this.control = button("", () => this.toggle(), { class: "theme with-icon" });
    this.kept = own.kept ?? null;
    this.system = window.matchMedia("(prefers-color-scheme: dark)");
    this.system.addEventListener("change", () => this.change(), { signal });
    const again = () => {
      this.kept = null;
      this.change();
    };
    own.follow?.(again, signal);
  }

  get current() {
    return this.kept ?? this.own.outside?.() ?? (this.system.matches ? "dark" : "light");
  }

  // Shows a theme; redrawing what is drawn already is left to the caller.
  use(theme) {
    this.figures.theme = theme;
    this.root.dataset.theme = theme;
    this.root.style.colorScheme = theme;
    for (const [name, color] of Object.entries(this.figures.palettes[theme])) {
      this.root.style.setProperty(`--${name}`, color);
    }
    this.sayOther(theme);
    this.own.show?.(theme);
  }

  // The control says to which theme it switches.
  sayOther(theme) {
    const [name, text] =
      theme === "dark" ? ["light", this.t("Light theme")] : ["dark", this.t("Dark theme")];
    this.control.replaceChildren(icon(name), text);
  }

  change() {
    this.use(this.current);
    this.redraw();
  }

  toggle() {
    this.kept = this.current === "dark" ? "light" : "dark";
    this.own.keep?.(this.kept);
    this.change();
  }
}

// Paper is light, and as wide as it is; tables are open unless they are long.
export function followPrinter({ root, cards, panels, lists, signal }, theme, redraw) {
  let opened = [];
  const start = () => {
    theme.use("light");
    root.classList.add("paper");
    redraw();
    for (const panel of panels) panel.drawPrinted();
    for (const list of lists) list.print();
    for (const drawing of root.querySelectorAll(".main-svg")) {
      const size = ["width", "height"].map((name) => drawing.getAttribute(name));
      drawing.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
    }
    opened = cards
      .map(({ grid }) => grid)
      .filter((grid) => grid && !grid.isOpen && grid.rows.length <= MOST_PRINTED);
    for (const grid of opened) grid.isOpen = true;
  };
  const end = () => {
    theme.use(theme.current);
    root.classList.remove("paper");
    for (const grid of opened) grid.isOpen = false;
    for (const list of lists) list.afterPrint();
    for (const drawing of root.querySelectorAll(".main-svg")) drawing.removeAttribute("viewBox");
    redraw();
  };
  window.addEventListener("beforeprint", start, { signal });
  window.addEventListener("afterprint", end, { signal });
}

// Menus and info tips close when the reader goes elsewhere, by pointer, focus or Escape.
export function followOverlays({ root, signal }) {
  const close = (leave) => {
    for (const overlay of root.querySelectorAll(":is(.menu, .tip)[open]")) {
      if (leave(overlay)) overlay.open = false;
    }
  };
  // The path of an event leads into a shadow root, where its target does not.
  const elsewhere = (event) => close((overlay) => !event.composedPath().includes(overlay));
  for (const name of ["click", "focusin"]) document.addEventListener(name, elsewhere, { signal });
  const escape = (event) => {
    if (event.key !== "Escape") return;
    close((overlay) => {
      if (overlay.contains(focused(root))) {
        overlay.querySelector("summary").focus();
      }
      return true;
    });
  };
  document.addEventListener("keydown", escape, { signal });
}

// Charts are drawn for a width; on paper they have one of their own.
export function followWidth({ root, signal }, redraw) {
  let width = root.clientWidth;
  const observer = new ResizeObserver(() => {
    if (width === root.clientWidth || root.classList.contains("paper")) return;
    width = root.clientWidth;
    redraw();
  });
  observer.observe(root);
  signal.addEventListener("abort", () => observer.disconnect());
}
