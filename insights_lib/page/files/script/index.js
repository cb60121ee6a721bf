// Opens index.html: unpacks what it tells of each report, and shows all of them.

import { element } from "./dom.js";
import { documentTheme } from "./document_theme.js";
import { languageOf } from "./language.js";
import { openIndexRows } from "./index_rows.js";
import { IndexTable } from "./index_table.js";
import { unpacked } from "./rows.js";
import { drawTotals } from "./totals.js";
import { followOverlays, Theme } from "./viewing.js";

async function start() {
  const packed = document.getElementById("content").textContent;
  const { locale, written, texts, palettes, rows } = JSON.parse(await unpacked(packed));
  const t = languageOf(locale, texts);
  const root = document.getElementById("report");
  const viewing = { root, t, figures: { palettes }, signal: new AbortController().signal };
  const theme = new Theme(viewing, documentTheme, () => {});
  theme.use(theme.current);
  const totals = element("div", { class: "kpis" });
  const table = new IndexTable(openIndexRows(rows, t), t, (listed) =>
    drawTotals(totals, listed, { t, table }),
  );
  root.replaceChildren(head(written, theme, t), element("main", {}, totals, table.element));
  followOverlays(viewing);
  table.fill();
  root.dataset.whole = "";
}

function head(written, theme, t) {
  const told = t("As known at the end of the run of {time}", { time: t.moment(written) });
  return element(
    "header",
    { class: "page-head" },
    element("h1", {}, t("All partners")),
    element(
      "div",
      { class: "range" },
      element("p", { class: "quiet" }, told),
      element("div", { class: "page-actions" }, theme.control),
    ),
  );
}

if ("DecompressionStream" in window) start();
