// Opens report.html: unpacks what it holds, and mounts the report with all of the document to itself.

import { documentTheme } from "./document_theme.js";
import { mount } from "./mount.js";
import { libraryOf } from "./plotly.js";
import { unpacked } from "./rows.js";

const packed = (id) => unpacked(document.getElementById(id).textContent);

const address = {
  read: () => location.hash.slice(1),
  write: (text) => history.replaceState(null, "", `#${text}`),
  enter: (text) => history.pushState({ entered: true }, "", `#${text}`),
  leave(text) {
    if (history.state?.entered) history.back();
    else this.write(text);
  },
  follow: (changed, signal) => window.addEventListener("hashchange", changed, { signal }),
};

async function library() {
  return libraryOf(await packed("plotly"), await packed("world"));
}

async function start() {
  const content = JSON.parse(await packed("content"));
  const place = document.getElementById("report");
  place.replaceChildren();
  mount(place, content, { library, address, theme: documentTheme });
}

if ("DecompressionStream" in window) start();
