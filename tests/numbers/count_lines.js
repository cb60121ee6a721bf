// Counts what it is told on each line of its input: {rows, declared, facets, from, to} to a line of
// tables.

import { createInterface } from "node:readline";
import { codesOf, openRows } from "../../insights_lib/page/files/script/rows.js";
import { countTables } from "../../insights_lib/page/files/script/tables.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { rows: packed, declared, facets, from, to } = JSON.parse(line);
  const rows = openRows(packed, declared);
  const selection = {
    first: rows.months.indexOf(from),
    last: rows.months.indexOf(to),
    facets: Object.fromEntries(
      Object.entries(facets).map(([facet, texts]) => [facet, codesOf(rows, facet, texts)]),
    ),
  };
  console.log(JSON.stringify(countTables(rows, selection, declared)));
}
