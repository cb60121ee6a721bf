// Opens report.html: unpacks what it holds, and mounts the report with all of the document to itself.

import { Counter, openInWorker, serve } from "./counter.js";
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

/* The content and who counts its rows. Some viewers of files allow no worker; there the page counts. */
async function opened() {
  const place = document.getElementById("content");
  if ("worker" in place.dataset) {
    const script = document.getElementById("script").textContent;
    try {
      return await openInWorker(place.textContent, script);
    } catch (error) {
      console.warn(error);
    }
  }
  const content = JSON.parse(await packed("content"));
  return { content, counter: new Counter(content.rows, content.declared) };
}

async function start() {
  const { content, counter } = await opened();
  const place = document.getElementById("report");
  place.replaceChildren();
  mount(place, content, { counter, library, address, theme: documentTheme });
}

// The same script is that of the worker, where there is no document.
if (typeof document === "undefined") serve(globalThis);
else if ("DecompressionStream" in window) start();
