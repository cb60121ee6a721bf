// Counts what it is told on each line of its input: {rows, facets, from, to} to a line of tables.

import { createInterface } from "node:readline";
import { count } from "../../insights_lib/page/files/count.js";
import { codesOf, openRows } from "../../insights_lib/page/files/rows.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { rows: packed, facets, from, to } = JSON.parse(line);
  const rows = openRows(packed);
  const selection = {
    first: rows.months.indexOf(from),
    last: rows.months.indexOf(to),
    facets: Object.fromEntries(
      Object.entries(facets).map(([facet, texts]) => [facet, codesOf(rows, facet, texts)]),
    ),
  };
  console.log(JSON.stringify(count(rows, selection)));
}
