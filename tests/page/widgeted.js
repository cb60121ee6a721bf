// A notebook's front end in small, for tests of the widget: models that keep what is set and sent, and
// cells that show them.

import widget from "../../insights_lib/page/files/script/widget.js";
import { follow, traces } from "./traces.js";

class Model {
  constructor(state) {
    Object.assign(this, { state, listeners: [], saved: [], sent: [] });
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    this.state[name] = value;
    this.tell(`change:${name}`);
  }

  save_changes() {
    this.saved.push(this.state.selection);
  }

  send(content) {
    this.sent.push(content);
  }

  on(event, listener) {
    this.listeners.push({ event, listener });
  }

  off(event, listener) {
    this.listeners = this.listeners.filter(
      (one) => one.event !== event || one.listener !== listener,
    );
  }

  tell(event, ...values) {
    for (const one of [...this.listeners]) if (one.event === event) one.listener(...values);
  }
}

const bytes = (base64) => {
  const all = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new DataView(all.buffer);
};
const { library, reports } = JSON.parse(document.getElementById("state").textContent);
const stateOf = ({ content, asked }) => ({ _content: bytes(content), _asked: asked });

follow();
const models = {};
const cleanups = {};
window.tests = {
  traces,
  models,
  show(id, report) {
    models[id] = new Model({
      _library: bytes(library),
      selection: {},
      ...stateOf(reports[report]),
    });
    cleanups[id] = widget.render({ model: models[id], el: document.getElementById(id) });
  },
  change(id, report) {
    const state = stateOf(reports[report]);
    Object.assign(models[id].state, state, { selection: {} });
    models[id].tell("change:_content");
  },
  remove(id) {
    cleanups[id]();
    document.getElementById(id).replaceWith(Object.assign(document.createElement("div"), { id }));
    return models[id].listeners.length;
  },
};
