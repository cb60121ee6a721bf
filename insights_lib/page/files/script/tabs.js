// Words with an underline to choose from; a list where there are too many for a row.

import { button, cut, element, focused } from "./dom.js";

const MOST_IN_A_ROW = 8;

// Draws tabs {key, text} into a place; choose is called with the key of the one that is chosen.
// A place that shows the same tabs already only marks the chosen one.
export function drawTabs(place, { tabs, chosen, name, panel, choose }) {
  place.hidden = tabs.length < 2;
  const shown = tabs.map(({ key, text }) => `${key}\n${text}`).join("\n");
  if (place.shown !== shown) {
    place.shown = shown;
    place.replaceChildren(
      tabs.length > MOST_IN_A_ROW ? list(tabs, name, choose) : row(tabs, name, panel, choose),
    );
  }
  for (const tab of place.querySelectorAll("[role=tab]")) {
    const selected = tab.key === chosen;
    tab.setAttribute("aria-selected", String(selected));
    tab.tabIndex = selected ? 0 : -1;
  }
  const select = place.querySelector("select");
  if (select) select.selectedIndex = tabs.findIndex(({ key }) => key === chosen);
}

function row(tabs, name, panel, choose) {
  const made = tabs.map(({ key, text }) => {
    const tab = button("", () => choose(key), {
      role: "tab",
      "aria-controls": panel,
      title: text.length > 24 ? text.slice(0, 500) : null,
    });
    tab.append(element("bdi", {}, cut(text)));
    return Object.assign(tab, { key });
  });
  const move = (event) => {
    const at = made.indexOf(focused(made[0]));
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: made.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = made[(to + made.length) % made.length];
    next.focus();
    choose(next.key);
  };
  return element(
    "div",
    { role: "tablist", "aria-label": name, class: "tabs", onkeydown: move },
    made,
  );
}

function list(tabs, name, choose) {
  const options = tabs.map(({ text }) => element("option", {}, cut(text)));
  return element(
    "select",
    { "aria-label": name, onchange: (event) => choose(tabs[event.target.selectedIndex].key) },
    options,
  );
}
