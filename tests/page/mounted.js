// What tests of mounted reports call in the page that Python has made.

import { mount } from "../../insights_lib/page/files/script/mount.js";
import { unpacked } from "../../insights_lib/page/files/script/rows.js";
import { follow, traces } from "./traces.js";

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
