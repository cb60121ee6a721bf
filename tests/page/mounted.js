// What tests of mounted reports call in the page that Python has made, and what tells of traces.

import { mount } from "../../insights_lib/page/files/script/mount.js";
import { unpacked } from "../../insights_lib/page/files/script/rows.js";

const listeners = new Set();
const observers = new Set();

// Listeners of what outlives a report: of the window, the document and its own elements, and the
// system's settings.
function follow() {
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const lasting = (target) =>
    [window, document, document.documentElement, document.head, document.body].includes(target) ||
    target instanceof MediaQueryList;
  const keyOf = (one, [target, type, listener]) =>
    one.target === target && one.type === type && one.listener === listener;
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    const target = this ?? window;
    if (lasting(target)) {
      const added = { target, type, listener };
      listeners.add(added);
      options?.signal?.addEventListener("abort", () => listeners.delete(added));
    }
    return addEventListener.call(target, type, listener, options);
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    const target = this ?? window;
    for (const one of listeners) if (keyOf(one, [target, type, listener])) listeners.delete(one);
    return removeEventListener.call(target, type, listener, options);
  };
  const { observe, disconnect } = ResizeObserver.prototype;
  ResizeObserver.prototype.observe = function (...target) {
    observers.add(this);
    return observe.apply(this, target);
  };
  ResizeObserver.prototype.disconnect = function () {
    observers.delete(this);
    return disconnect.call(this);
  };
}

// All that a report could have left behind.
function traces() {
  return {
    html: document.documentElement.outerHTML,
    globals: Object.getOwnPropertyNames(window).sort(),
    listeners: [...listeners].map(({ type }) => type).sort(),
    observers: observers.size,
    address: location.href,
    kept: Object.keys(localStorage),
  };
}

const read = (id) => unpacked(document.getElementById(id).textContent);
const blocks = {};
for (const id of ["content", "world", "plotly", "style"]) blocks[id] = await read(id);

async function library() {
  const script = document.createElement("script");
  script.textContent = blocks.plotly;
  document.head.append(script);
  script.remove();
  return { make: script.plotly, world: JSON.parse(blocks.world) };
}

follow();
const mounted = {};
window.tests = {
  traces,
  mount(id, content = {}) {
    const place = document.getElementById(id);
    const whole = { ...JSON.parse(blocks.content), ...content };
    mounted[id] = mount(place.shadowRoot ?? place, whole, { library });
    return mounted[id].ready;
  },
  destroy: (id) => mounted[id].destroy(),
  addShadow(id) {
    const style = document.createElement("style");
    style.textContent = blocks.style;
    document.getElementById(id).attachShadow({ mode: "open" }).append(style);
  },
};
