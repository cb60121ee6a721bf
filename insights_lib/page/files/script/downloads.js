// Tables as CSV, and handing files to the reader.

const FORMULA = /^[=+\-@\t\r]/;

// As data/*.csv is written (CR LF, null empty, no text that a spreadsheet would run), and with the
// byte order mark by which Excel knows UTF-8.
export function csv({ columns, rows }) {
  return `\ufeff${linesOf(columns, rows)
    .map((line) => `${line.map(csvCell).join(",")}\r\n`)
    .join("")}`;
}

// The head of a table and its rows, as lists of cells.
function linesOf(columns, rows) {
  const names = Object.keys(columns);
  return [names, ...rows.map((row) => names.map((name) => row[name]))];
}

function csvCell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// Lets the browser save a file.
export function save(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
