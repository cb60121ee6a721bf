// Draws the charts of a saved notebook, with the plotly.js that is packed in the element before.
(() => {
  const packed = document.currentScript.previousElementSibling;
  let unpacked = null; // JupyterLab, which has a plotly of its own, never needs it

  async function unpack() {
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (c) => c.charCodeAt(0));
    const source = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const made = new Function("module", "exports", "define", await new Response(source).text());
    const module = { exports: {} };
    made(module, module.exports);
    return module.exports;
  }

  // The place has the figure as JSON, and a text that is shown until the chart is drawn.
  async function draw(place) {
    const figure = JSON.parse(place.querySelector("script").textContent);
    unpacked ??= unpack();
    const plotly = await unpacked;
    place.replaceChildren();
    const config = { displayModeBar: false, responsive: true };
    await plotly.newPlot(place, figure.data, figure.layout, config);
  }

  window.insightsCharts = { draw };
})();
