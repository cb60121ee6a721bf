// Draws the report: the charts with their tabs, and the tables, from the JSON in this file.
"use strict";

(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const ROWS_AT_FIRST = 100;

  // Where plotly looks for the shapes of the countries before it would ask the network.
  window.PlotlyGeoAssets = {
    topojson: { world_110m: JSON.parse(document.getElementById("world").textContent) },
  };

  const config = { displayModeBar: false, responsive: true, showTips: false };

  function drawChart(place) {
    const { data, layout } = content.figures[place.dataset.figure];
    const [menu] = layout.updatemenus || [];
    const rest = { ...layout, updatemenus: [], margin: { ...layout.margin, t: 16 } };
    if (place.clientWidth < 600) fitPhone(data, rest, place);
    Plotly.newPlot(place, data, rest, config);
    if (menu) addTabs(place.previousElementSibling, menu, place);
  }

  // On a phone a map is as low as it is narrow, and what stands beside a pie goes below it.
  function fitPhone(data, layout, place) {
    const types = new Set(data.map((trace) => trace.type));
    if (types.has("choropleth")) {
      layout.height = place.clientWidth * 0.62;
      data.forEach((trace) => Object.assign(trace, { showscale: false }));
    }
    if (types.has("pie")) {
      data.find((trace) => trace.type === "pie").domain = { x: [0.15, 0.85], y: [0.6, 1] };
      layout.yaxis = { ...layout.yaxis, domain: [0, 0.52], tickfont: { size: 9 } };
      layout.xaxis = { ...layout.xaxis, domain: [0.62, 0.9] };
      layout.height *= 1.4;
    }
    place.style.minHeight = `${layout.height}px`;
  }

  // The buttons that the figure brings along for notebooks, as words with an underline.
  function addTabs(tabs, menu, place) {
    const buttons = menu.buttons.map((button, i) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.role = "tab";
      tab.textContent = unescaped(button.label);
      tab.setAttribute("aria-selected", String(i === 0));
      tab.addEventListener("click", () => {
        buttons.forEach((other) => other.setAttribute("aria-selected", String(other === tab)));
        Plotly.update(place, ...button.args);
      });
      return tab;
    });
    tabs.replaceChildren(...buttons);
    tabs.hidden = false;
  }

  // Labels are escaped for plotly, which reads HTML in them; elsewhere they are plain text.
  function unescaped(label) {
    return label.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
  }

  const counts = new Intl.NumberFormat(content.locale, { maximumFractionDigits: 2 });
  const months = new Intl.DateTimeFormat(content.locale, { year: "numeric", month: "short", timeZone: "UTC" });

  function shown(value, column) {
    if (value === null) return "–";
    if (column === "month") return months.format(new Date(`${value}-01T00:00:00Z`));
    if (column === "metric" || column === "dimension") return content.names[value];
    if (typeof value !== "number") return value;
    return column.endsWith("_pct") ? `${counts.format(value)}\u00a0%` : counts.format(value);
  }

  function drawTable(place) {
    const { columns, rows } = content.tables[place.dataset.table];
    const numeric = columns.map((_, i) => rows.some((row) => typeof row[i] === "number"));
    const table = document.createElement("table");
    const body = document.createElement("tbody");
    let all = false;

    function fill(ordered) {
      const visible = all ? ordered : ordered.slice(0, ROWS_AT_FIRST);
      body.replaceChildren(
        ...visible.map((row) => {
          const line = document.createElement("tr");
          row.forEach((value, i) => {
            const cell = line.insertCell();
            cell.textContent = shown(value, columns[i]);
            if (value === null) cell.title = content.texts["not known: there is no data for it"];
            cell.dir = "auto";
            if (numeric[i]) cell.className = "number";
          });
          return line;
        }),
      );
    }

    let ordered = rows;
    const head = table.createTHead().insertRow();
    columns.forEach((column, i) => {
      const cell = document.createElement("th");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = content.names[column];
      button.addEventListener("click", () => {
        const down = cell.getAttribute("aria-sort") === (numeric[i] ? "descending" : "ascending");
        const direction = down === numeric[i] ? 1 : -1;
        head.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
        cell.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
        ordered = [...rows].sort((a, b) => compare(a[i], b[i], direction));
        fill(ordered);
      });
      if (numeric[i]) cell.className = "number";
      cell.scope = "col";
      cell.append(button);
      head.append(cell);
    });
    table.append(body);
    place.replaceChildren(table);
    fill(ordered);
    if (rows.length > ROWS_AT_FIRST) {
      const more = document.createElement("button");
      more.type = "button";
      more.className = "more";
      more.textContent = content.texts["Show all {count} rows"].replace("{count}", counts.format(rows.length));
      more.addEventListener("click", () => {
        all = true;
        more.remove();
        fill(ordered);
      });
      place.append(more);
    }
  }

  // Unknown values stay at the end whichever way a column is sorted.
  function compare(a, b, direction) {
    if (a === null || b === null) return (a === null) - (b === null);
    const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), content.locale);
    return order * direction;
  }

  // A chart far down the page is drawn when the reader comes near it.
  const near = new IntersectionObserver(
    (entries) =>
      entries
        .filter((entry) => entry.isIntersecting)
        .forEach((entry) => {
          near.unobserve(entry.target);
          drawChart(entry.target);
        }),
    { rootMargin: "600px" },
  );
  document.querySelectorAll("[data-figure]").forEach((place) => near.observe(place));
  document.querySelectorAll("[data-table]").forEach((place) => {
    const details = place.closest("details");
    if (details.open) drawTable(place);
    else details.addEventListener("toggle", () => drawTable(place), { once: true });
  });
})();
