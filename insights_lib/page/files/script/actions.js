// What can be done, by icons with names: buttons, and the one menu of a card.

import { element, svg } from "./dom.js";

// Lines in a square of 16.
const ICONS = {
  csv: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
  dark: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5Z",
  dots: "M3 8h.01M8 8h.01M13 8h.01",
  excel: "M2.5 2.5h11v11h-11zM5.5 5.5l5 5M10.5 5.5l-5 5",
  home: "M2 8l6-5.5L14 8M4 7v6.5h8V7",
  light:
    "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  picture: "M2 3h12v10H2zM2 11l4-4 3 3 2-2 3 3",
  table: "M2 3h12v10H2zM2 6.5h12M2 10h12M6.5 3v10",
};

export function icon(name) {
  const own = { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" };
  return svg("svg", own, svg("path", { d: ICONS[name] }));
}

export function iconButton(name, text, onclick, attributes = {}) {
  const own = { type: "button", onclick, class: "with-icon", ...attributes };
  return element("button", own, icon(name), element("span", {}, text));
}

/* The menu of a card, for actions {icon, text, act, key}; key is one that does the same in the chart.
 * Returns {place, buttons}. */
export function actionMenu(t, title, actions) {
  const named = (text) => ({ "aria-label": t.pair(text, title) });
  const done = (act) => () => {
    place.open = false;
    place.firstChild.focus();
    act();
  };
  const buttons = actions.map(({ icon: name, text, act, key }) => {
    const made = iconButton(name, text, done(act), named(text));
    if (key) made.append(element("kbd", {}, key));
    return made;
  });
  const summary = { class: "with-icon", ...named(t("Actions")) };
  const place = element(
    "details",
    { class: "menu" },
    element("summary", summary, icon("dots"), element("span", {}, t("Actions"))),
    element("div", { class: "sheet" }, buttons),
  );
  return { place, buttons };
}
