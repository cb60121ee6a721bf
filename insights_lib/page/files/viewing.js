// How the page is read: light or dark, on paper, at another width, from section to section.

const MOST_PRINTED = 60; // rows of a table that paper shows

// Light or dark as the system has it, until the reader switches.
export function followTheme(page) {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const control = document.getElementById("theme");
  let kept = null;
  try {
    kept = localStorage.getItem("theme");
  } catch {
    // Some browsers keep nothing for files; the choice then lasts as long as the page.
  }
  const use = (theme) => {
    root.dataset.theme = theme;
    control.setAttribute("aria-pressed", String(theme === "dark"));
  };
  const current = () => kept ?? (system.matches ? "dark" : "light");
  use(current());
  system.addEventListener("change", () => {
    use(current());
    page.redrawCharts();
  });
  control.addEventListener("click", () => {
    kept = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", kept);
    } catch {
      // As above.
    }
    use(kept);
    page.redrawCharts();
  });
  return { use, current };
}

// Paper is light, and as wide as it is; tables are open unless they are long.
export function followPrinter(page, theme) {
  const root = document.documentElement;
  let opened = [];
  window.addEventListener("beforeprint", () => {
    theme.use("light");
    root.classList.add("paper");
    page.redrawCharts();
    for (const panel of page.panels) panel.drawPrinted();
    for (const drawing of document.querySelectorAll(".main-svg")) {
      drawing.setAttribute(
        "viewBox",
        `0 0 ${drawing.getAttribute("width")} ${drawing.getAttribute("height")}`,
      );
    }
    opened = [...document.querySelectorAll(".data-table:not([open])")].filter(
      (details) => details.querySelectorAll("tbody tr").length <= MOST_PRINTED,
    );
    for (const details of opened) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    theme.use(theme.current());
    root.classList.remove("paper");
    for (const details of opened) details.open = false;
    page.redrawCharts();
  });
}

// Menus and info tips close when the reader goes elsewhere, by pointer, focus or Escape.
export function followOverlays() {
  const close = (leave) => {
    for (const overlay of document.querySelectorAll(":is(.menu, .tip)[open]")) {
      if (leave(overlay)) overlay.open = false;
    }
  };
  for (const event of ["click", "focusin"]) {
    document.addEventListener(event, ({ target }) => close((overlay) => !overlay.contains(target)));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close((overlay) => {
      if (overlay.contains(document.activeElement)) overlay.querySelector("summary").focus();
      return true;
    });
  });
}

// The links to sections leave the address alone, which keeps the selection.
export function followLinks() {
  for (const link of document.querySelectorAll(".sections a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const section = document.querySelector(`[id="${link.hash.slice(1)}"]`);
      section.scrollIntoView();
      section.querySelector("h2").focus({ preventScroll: true });
    });
  }
}

export function followWidth(page) {
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (width !== window.innerWidth) page.redrawCharts();
    width = window.innerWidth;
  });
}
