// Builds plotly.min.js of entry.js, and LICENSES.txt of the packages that are in it.
const { existsSync, readdirSync, readFileSync, writeFileSync } = require("node:fs");
const { build } = require("esbuild");

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
  const folders = Object.keys(metafile.inputs).map(
    (file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0],
  );
  const notices = [...new Set(folders)].filter(Boolean).sort().map(noticeOf);
  writeFileSync("LICENSES.txt", notices.join("\n\n"));
});

function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = existsSync(folder) && readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? readFileSync(`${folder}/${file}`, "utf8").replaceAll("\r", "").trim() : "";
  return `---- ${name} ${version} (${license})\n\n${text}\n`;
}
