// Tables as CSV, all of them as one workbook, and handing files to the reader.

import { strToU8, zipSync } from "fflate";

const FORMULA = /^[=+\-@\t\r]/;
// XML 1.0 has no way to write these: control characters and halves of characters.
const NOT_XML = /(?![\t\n\r])[\p{Cc}\p{Cs}\ufffe\uffff]/gu;
const LONGEST_CELL = 32_767; // of a workbook
const EARLIEST = new Date(1980, 0, 1); // that a zip file can tell; the same tables make the same file

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

// Tables by name, as {columns, rows}, as an Excel workbook with a sheet for each. Texts are marked as
// texts in it, so that none is run, and numbers are numbers in every country.
export function workbook(tables) {
  const sheets = Object.entries(tables);
  const each = (write) => sheets.map(([name, table], i) => write(i + 1, name, table)).join("");
  const office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
  const main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
  const pack = "http://schemas.openxmlformats.org/package/2006";
  const type = "application/vnd.openxmlformats-officedocument.spreadsheetml";
  const relation = (id, kind, target) =>
    `<Relationship Id="r${id}" Type="${office}/${kind}" Target="${target}"/>`;
  const part = (name, kind) => `<Override PartName="${name}" ContentType="${type}.${kind}+xml"/>`;
  const files = {
    "[Content_Types].xml": `<Types xmlns="${pack}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>${part("/xl/workbook.xml", "sheet.main")}${each((i) => part(`/xl/sheet${i}.xml`, "worksheet"))}</Types>`,
    "_rels/.rels": `<Relationships xmlns="${pack}/relationships">${relation(1, "officeDocument", "xl/workbook.xml")}</Relationships>`,
    "xl/_rels/workbook.xml.rels": `<Relationships xmlns="${pack}/relationships">${each((i) => relation(i, "worksheet", `sheet${i}.xml`))}</Relationships>`,
    "xl/workbook.xml": `<workbook xmlns="${main}" xmlns:r="${office}"><sheets>${each((i, name) => `<sheet name="${name}" sheetId="${i}" r:id="r${i}"/>`)}</sheets></workbook>`,
  };
  sheets.forEach(([, { columns, rows }], i) => {
    const lines = linesOf(columns, rows).map((row) => `<row>${row.map(sheetCell).join("")}</row>`);
    files[`xl/sheet${i + 1}.xml`] =
      `<worksheet xmlns="${main}"><sheetData>${lines.join("")}</sheetData></worksheet>`;
  });
  const bytes = Object.entries(files).map(([name, text]) => [name, strToU8(text)]);
  return new Blob([zipSync(Object.fromEntries(bytes), { mtime: EARLIEST })]);
}

function sheetCell(value) {
  if (value === null) return "<c/>";
  if (typeof value === "number") return `<c><v>${value}</v></c>`;
  const text = value.slice(0, LONGEST_CELL).replace(NOT_XML, "\ufffd");
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<c t="inlineStr"><is><t xml:space="preserve">${escaped}</t></is></c>`;
}

// Lets the browser save a file.
export function save(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content]));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
