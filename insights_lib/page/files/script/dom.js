// Elements from data. Text always enters as text, never as markup.

// An element with attributes, listeners (onclick: …) and children; what is null is left out.
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, text);
}

// A number that opens what is behind it: open is a function that has words for it.
export function opener(content, open) {
  const made = button("", open, { class: "opens", title: open.words });
  made.append(content);
  return made;
}

// What has the focus, in the document or the shadow root in which an element stands.
export function focused(near) {
  return near.getRootNode().activeElement;
}

// A text from data: its direction is its own, and a very long one is cut to three lines.
export function dataText(text) {
  return element(
    "bdi",
    { class: "data", title: text.length > 60 ? text.slice(0, 500) : null },
    text,
  );
}

// A text from data cut to so many characters, for a line or a label.
export function cut(text, most = 40) {
  const characters = Array.from(text.slice(0, 2 * most));
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`;
}

// An info tip: a letter that opens a text or other content.
export function tip(label, ...content) {
  return element(
    "details",
    { class: "tip" },
    element("summary", { "aria-label": label }, "i"),
    element("div", {}, ...content),
  );
}
