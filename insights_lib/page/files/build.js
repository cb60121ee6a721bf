// Builds page.min.js and page.min.css of script/ and style/, and LICENSES.txt of the packages that
// are in them: beside this file, or in the folder that is named.

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
  ],
  outdir: folder,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome103", "firefox113", "safari16.4"], // as page.html.j2 tells the reader
  legalComments: "none",
  metafile: true,
});
writeFileSync(join(folder, "LICENSES.txt"), licensesOf(metafile, here));
