// Builds the scripts and style sheets of script/ and style/: for the page in a file of its own, for
// the index of all pages, live in a notebook's cell, and as the notebook keeps it; and LICENSES.txt of the packages that are in
// them. They go beside this file, or into the folder that is named.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { licensesOf } from "./licenses.js";

const here = import.meta.dirname;
const folder = process.argv[2] ?? here;
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: [
    { in: "script/report.js", out: "page.min" },
    { in: "style/page.css", out: "page.min" },
    { in: "script/index.js", out: "index.min" },
    { in: "style/index.css", out: "index.min" },
    { in: "script/widget.js", out: "widget.min" },
    { in: "style/widget.css", out: "widget.min" },
    { in: "script/saved.js", out: "saved.min" },
    { in: "style/saved.css", out: "saved.min" },
  ],
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome108", "firefox121", "safari16.4"], // as page.html.j2 tells the reader
  legalComments: "none",
  metafile: true,
});
writeFileSync(join(folder, "LICENSES.txt"), licensesOf(metafile, here));
