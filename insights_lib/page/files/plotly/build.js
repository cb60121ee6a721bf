// Builds plotly.min.js of entry.js, and LICENSES.txt of the packages that are in it.
const { writeFileSync } = require("node:fs");
const { build } = require("esbuild");
const { licensesOf } = require("../licenses.js");

const options = {
  entryPoints: ["entry.js"],
  outfile: "plotly.min.js",
  bundle: true,
  minify: true,
  format: "iife",
  globalName: "Plotly",
  define: { global: "window" },
  loader: { ".css": "empty" },
  target: "es2020",
  legalComments: "eof",
  metafile: true,
};

build(options).then(({ metafile }) => {
  writeFileSync("LICENSES.txt", licensesOf(metafile, __dirname));
});
