// A chart as a picture to hand out: its drawings one below the other, each with a title and a legend.

import { element } from "./dom.js";
import { label } from "./figures.js";

const [WIDTH, HEAD] = [1200, 96]; // of a drawing, and above it for its title
const SCALE = 2; // pixels of a picture for each of a drawing
const PROBE = [18, 52, 86, 255]; // the parts of a colour

/* Returns {type, content}: "png", or "svg" where the browser lets no page read what it has drawn. */
export async function pictureOf(panel, subtitle) {
  const drawings = [];
  let height = 0;
  for (const plot of panel.chart.plots) {
    const { layout, data } = titled(plot, panel, subtitle);
    const size = { width: WIDTH, height: layout.height + HEAD };
    const asked = { format: "svg", imageDataOnly: true, ...size };
    const drawing = await panel.report.plotly.toImage({ data, layout }, asked);
    drawings.push(drawing.replace("<svg ", `<svg y="${height}" `));
    height += size.height;
  }
  const own = `xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}"`;
  const whole = `<svg ${own}>${drawings.join("")}</svg>`;
  return isReadable()
    ? { type: "png", content: await pixels(whole, height) }
    : { type: "svg", content: new Blob([whole], { type: "image/svg+xml" }) };
}

function titled({ data, layout, title }, { chart, title: name, report }, subtitle) {
  const tab = chart.tabs.find(({ key }) => key === chart.tab);
  const titles = [name, tab?.text, title].filter(Boolean).map((text) => label(text));
  const own = {
    title: {
      text: titles.join(" · "),
      subtitle: { text: label(subtitle, 150) },
      x: 0.01,
      xanchor: "left",
      font: { size: 17 },
    },
    margin: { ...layout.margin, t: HEAD },
    paper_bgcolor: report.figures.color("card"),
    showlegend: data.length > 1 || data[0]?.type === "pie",
    legend: { x: 1.02, y: 1, traceorder: "normal" },
  };
  return { data, layout: { ...layout, ...own } };
}

async function pixels(drawing, height) {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(drawing)}`;
  await image.decode();
  const canvas = element("canvas", { width: SCALE * WIDTH, height: SCALE * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

// A browser that guards against fingerprints gives noise for what a canvas shows.
function isReadable() {
  const context = element("canvas", { width: 4, height: 4 }).getContext("2d");
  context.fillStyle = `rgb(${PROBE.slice(0, 3).join(" ")})`;
  context.fillRect(0, 0, 4, 4);
  return context.getImageData(0, 0, 4, 4).data.every((part, i) => part === PROBE[i % 4]);
}
