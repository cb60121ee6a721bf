// What a report could leave behind in the document.

const listeners = new Set();
const observers = new Set();

// Listeners of what outlives a report: of the window, the document and its own elements, and the
// system's settings.
export function follow() {
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
  for (const { prototype } of [ResizeObserver, MutationObserver]) {
    const { observe, disconnect } = prototype;
    prototype.observe = function (target, ...options) {
      const isOwn = this instanceof ResizeObserver || target === document.body;
      if (isOwn) observers.add(this);
      return observe.call(this, target, ...options);
    };
    prototype.disconnect = function () {
      observers.delete(this);
      return disconnect.call(this);
    };
  }
}

// All that a report could have left behind.
export function traces() {
  return {
    html: document.documentElement.outerHTML,
    globals: Object.getOwnPropertyNames(window).sort(),
    listeners: [...listeners].map(({ type }) => type).sort(),
    observers: observers.size,
    address: location.href,
    kept: Object.keys(localStorage),
  };
}
