// The licences of the npm packages that a bundle holds.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/* Their texts, in order of name; the metafile is esbuild's, its paths start from folder. */
export function licensesOf(metafile, folder) {
  const packages = Object.keys(metafile.inputs).map(
    (file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0],
  );
  return [...new Set(packages)]
    .filter(Boolean)
    .sort()
    .map((name) => noticeOf(join(folder, name)))
    .join("\n\n");
}

function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((one) => /^licen[cs]e/i.test(one));
  const text = file ? readFileSync(join(folder, file), "utf8").replaceAll("\r", "").trim() : "";
  return `---- ${name} ${version} (${license})\n\n${text}\n`;
}
