// Answers each line of its input with one line: {rows, declared} opens rows, {facets, from, to} counts
// their tables for a selection, {marks} gives what is behind each of these numbers of the selection,
// {offered} the values of a facet that its menu offers.

import { createInterface } from "node:readline";
import { behind } from "../../insights_lib/page/files/script/behind.js";
import { codesOf, openRows, valuesSeen } from "../../insights_lib/page/files/script/rows.js";
import { countTables } from "../../insights_lib/page/files/script/tables.js";

const opened = {};

function open({ rows, declared }) {
  Object.assign(opened, { rows: openRows(rows, declared), declared });
  return null;
}

function count({ facets, from, to }) {
  const { rows, declared } = opened;
  opened.selection = {
    first: rows.months.indexOf(from),
    last: rows.months.indexOf(to),
    facets: Object.fromEntries(
      Object.entries(facets).map(([facet, texts]) => [facet, codesOf(rows, facet, texts)]),
    ),
  };
  return countTables(rows, opened.selection, declared);
}

function answer(asked) {
  if (asked.rows) return open(asked);
  if (asked.marks) return asked.marks.map((mark) => behind(opened, mark));
  if (asked.offered) return valuesSeen(opened.rows, asked.offered, opened.rows.first).sort();
  return count(asked);
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(answer(JSON.parse(line))));
}
