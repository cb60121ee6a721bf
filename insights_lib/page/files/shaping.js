// What every chart does with rows and tabs before it draws.

import { words } from "./language.js";

// The tab that is chosen; the first one where the chosen one is no longer there.
export function tabOf(tabs, state) {
  return tabs.some(({ key }) => key === state.tab) ? state.tab : tabs[0]?.key;
}

// Rows by what keyOf says of each, in the order in which it says so.
export function groups(rows, keyOf) {
  const found = new Map();
  for (const row of rows) {
    const key = keyOf(row);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(row);
  }
  return found;
}

// What a chart says that has nothing to draw.
export function nothing() {
  return words("There is no data for this.");
}
