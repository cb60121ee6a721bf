// Tables as an Excel workbook that looks finished, as insights_lib/analysis/workbook.py writes them.

import { strToU8, zipSync } from "fflate";
import { shown } from "./language.js";

// What Excel allows.
const LONGEST_NAME = 31;
const LONGEST_CELL = 32_767;
const NOT_IN_NAME = /[[\]:*?/\\\p{Cc}]/gu;
// XML 1.0 has no way to write these: control characters, which Excel knows by their codes, and halves
// of characters.
const CONTROL = /(?![\t\n\r])[\p{Cc}\ufffe\uffff]/gu;
const HALF = /\p{Cs}/gu;
const LIKE_A_CODE = /_(?=x[\da-f]{4}_)/gi;

const HEAD = 4; // the row of the header: title, filters and an empty row are above it
const [NARROWEST, WIDEST] = [8, 60];
const ROWS_MEASURED = 500; // of a column, for its width
const DAY = 86_400_000;
const FIRST_DAY = Date.UTC(1899, 11, 30); // of Excel
const EARLIEST = new Date(1980, 0, 1); // that a zip file can tell; the same tables make the same file
const IS_MONTH = /^\d{4}-\d\d$/;

// Styles stand in the order in which styles() has them.
const [TITLE, QUIET, HEADER, FIRST_KIND] = [1, 2, 3, 4];
const FORMATS = {
  count: "#,##0",
  number: "#,##0.##",
  percent: '0.0"\u00a0%"',
  money: "#,##0.00",
  month: "mmm yyyy",
  date: "yyyy-mm-dd",
};
const KINDS = Object.keys(FORMATS);

const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/* A workbook with a sheet for each of tables {name, title, columns, heads, rows}, with what all of them
 * speak of below the title. Months, days and numbers are what they are in Excel, in every country;
 * texts are marked as texts, so that none is run. */
export function workbook(tables, subtitle, t) {
  const names = tables.map(({ name }) =>
    xml(name.replace(NOT_IN_NAME, " ").slice(0, LONGEST_NAME)),
  );
  const each = (write) => names.map((name, i) => write(i + 1, name)).join("");
  const files = {
    "[Content_Types].xml": `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>${part("workbook", "sheet.main")}${part("styles", "styles")}${each((i) => part(`worksheets/sheet${i}`, "worksheet"))}</Types>`,
    "_rels/.rels": relations(relation("r1", "officeDocument", "xl/workbook.xml")),
    "xl/_rels/workbook.xml.rels": relations(
      relation("styles", "styles", "styles.xml"),
      each((i) => relation(`r${i}`, "worksheet", `worksheets/sheet${i}.xml`)),
    ),
    "xl/workbook.xml": file("workbook", [
      `<sheets>${each((i, name) => `<sheet name="${name}" sheetId="${i}" r:id="r${i}"/>`)}</sheets>`,
      `<definedNames>${each(printed)}</definedNames>`,
    ]),
    "xl/styles.xml": styles(),
  };
  tables.forEach((table, i) => {
    files[`xl/worksheets/sheet${i + 1}.xml`] = sheet(table, subtitle, t);
  });
  const bytes = Object.entries(files).map(([name, text]) => [name, strToU8(text)]);
  return new Blob([zipSync(Object.fromEntries(bytes), { mtime: EARLIEST })]);
}

// An element with all that stands in a file.
function file(name, inner) {
  return `<${name} xmlns="${MAIN}" xmlns:r="${OFFICE}">${inner.join("")}</${name}>`;
}

function part(name, kind) {
  return `<Override PartName="/xl/${name}.xml" ContentType="${TYPE}.${kind}+xml"/>`;
}

function relations(...inner) {
  return `<Relationships xmlns="${PACKAGE}/relationships">${inner.join("")}</Relationships>`;
}

function relation(id, kind, target) {
  return `<Relationship Id="${id}" Type="${OFFICE}/${kind}" Target="${target}"/>`;
}

// The header and the first column are on each sheet of paper.
function printed(number, name) {
  const place = `'${name.replaceAll("'", "''")}'`;
  return `<definedName name="_xlnm.Print_Titles" localSheetId="${number - 1}">${place}!$A:$A,${place}!$${HEAD}:$${HEAD}</definedName>`;
}

function styles() {
  const formats = KINDS.map(
    (kind, i) => `<numFmt numFmtId="${200 + i}" formatCode="${xml(FORMATS[kind])}"/>`,
  );
  const font = (inner) => `<font>${inner}<name val="Calibri"/></font>`;
  const fill = (inner) => `<fill><patternFill ${inner}</fill>`;
  const border = (bottom) => `<border><left/><right/><top/>${bottom}<diagonal/></border>`;
  const cell = (format, font, ground, inner = "") =>
    `<xf numFmtId="${format}" fontId="${font}" fillId="${ground ? 2 : 0}" borderId="${ground}" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1" applyBorder="1" applyAlignment="1">${inner}</xf>`;
  const list = (name, ...all) => `<${name} count="${all.length}">${all.join("")}</${name}>`;
  return file("styleSheet", [
    list("numFmts", ...formats),
    list(
      "fonts",
      font('<sz val="11"/>'),
      font('<b/><sz val="15"/>'),
      font('<sz val="11"/><color rgb="FF605E5C"/>'),
      font('<b/><sz val="11"/>'),
    ),
    list(
      "fills",
      fill('patternType="none"/>'),
      fill('patternType="gray125"/>'),
      fill('patternType="solid"><fgColor rgb="FFF5F5F4"/></patternFill>'),
    ),
    list("borders", border("<bottom/>"), border('<bottom style="thin"/>')),
    list("cellStyleXfs", '<xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'),
    list(
      "cellXfs",
      cell(0, 0, 0),
      cell(0, 1, 0),
      cell(0, 2, 0),
      cell(0, 3, 1, '<alignment vertical="top" wrapText="1"/>'),
      ...KINDS.map((_, i) => cell(200 + i, 0, 0)),
    ),
  ]);
}

function sheet({ title, columns, heads, rows }, subtitle, t) {
  const names = Object.keys(columns);
  const lines = rows.map((row) => names.map((name) => valueOf(row[name], columns[name], t)));
  const widths = names.map((name, i) => widthOf(heads[i], rows, name, columns[name], t));
  const last = `${letters(names.length)}${HEAD + rows.length}`;
  const kinds = names.map((name) => KINDS.indexOf(columns[name]));
  const line = (cells, number, style) =>
    `<row r="${number}"${number === HEAD ? ' ht="30" customHeight="1"' : ""}>${cells.map((value, i) => cellOf(value, `${letters(i + 1)}${number}`, style(value, i))).join("")}</row>`;
  const own = (value, i) => (typeof value === "number" ? FIRST_KIND + kinds[i] : 0);
  return file("worksheet", [
    `<sheetViews><sheetView workbookViewId="0"><pane xSplit="1" ySplit="${HEAD}" topLeftCell="B${HEAD + 1}" activePane="bottomRight" state="frozen"/></sheetView></sheetViews>`,
    `<cols>${widths.map((width, i) => `<col min="${i + 1}" max="${i + 1}" width="${width}" customWidth="1"/>`).join("")}</cols>`,
    "<sheetData>",
    line([title], 1, () => TITLE),
    line([subtitle], 2, () => QUIET),
    line(heads, HEAD, () => HEADER),
    ...lines.map((cells, i) => line(cells, HEAD + 1 + i, own)),
    "</sheetData>",
    `<autoFilter ref="A${HEAD}:${last}"/><pageSetup paperSize="9" orientation="landscape"/>`,
  ]);
}

// A value as Excel is to have it.
function valueOf(value, kind, t) {
  if (kind === "month" && IS_MONTH.test(value)) return dayOf(`${value}-01`);
  if (kind === "date" && value !== null) return dayOf(value);
  return value !== null && ["name", "names", "month"].includes(kind)
    ? shown(value, kind, t)
    : value;
}

function dayOf(text) {
  return (Date.parse(text) - FIRST_DAY) / DAY;
}

function widthOf(head, rows, name, kind, t) {
  const texts = rows.slice(0, ROWS_MEASURED).map((row) => shown(row[name], kind, t).length + 1);
  const button = 3; // of the filter
  const words = head.split(" ").map((word) => word.length + button);
  return Math.min(Math.max(NARROWEST, ...words, ...texts), WIDEST);
}

function letters(number) {
  const rest = Math.floor((number - 1) / 26);
  return (rest ? letters(rest) : "") + String.fromCharCode(65 + ((number - 1) % 26));
}

function cellOf(value, place, style) {
  if (value === null) return "";
  const at = `<c r="${place}" s="${style}"`;
  if (typeof value === "number") return `${at}><v>${value}</v></c>`;
  return `${at} t="inlineStr"><is><t xml:space="preserve">${text(value)}</t></is></c>`;
}

function text(value) {
  const code = (one) => `_x${one.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}_`;
  return xml(
    value
      .slice(0, LONGEST_CELL)
      .replace(LIKE_A_CODE, "_x005F_")
      .replace(CONTROL, code)
      .replace(HALF, "?"),
  );
}

function xml(value) {
  return value
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
