// Tables as an Excel workbook that looks finished, as insights_lib/analysis/workbook.py writes them.

import { strToU8, zipSync } from "fflate";
import { shown } from "./language.js";

// What Excel allows.
const LONGEST_NAME = 31;
const NOT_IN_NAME = /[[\]:*?/\\\p{Cc}]/gu;
const LONGEST_CELL = 32_767;

const HEAD = 4; // the row of the header: title, filters and an empty row are above it
const [NARROWEST, WIDEST] = [8, 60];
const ROWS_MEASURED = 500; // of a column, for its width
const DAY = 86_400_000;
const FIRST_DAY = Date.UTC(1899, 11, 30); // of Excel
const EARLIEST = new Date(1980, 0, 1); // that a zip file can tell; the same tables make the same file
const MONTH = /^\d{4}-\d\d$/;
const FORMATS = {
  count: "#,##0",
  number: "#,##0.##",
  percent: '0.0"\u00a0%"',
  money: "#,##0.00",
  month: "mmm yyyy",
  date: "yyyy-mm-dd",
};
const KINDS = Object.keys(FORMATS);
const [TITLE, QUIET, HEADER, FIRST_KIND] = [1, 2, 3, 4]; // places among the styles

const OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const PACKAGE = "http://schemas.openxmlformats.org/package/2006";
const TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/* A workbook with a sheet for each of tables {name, title, heads, columns, rows}: its title, what all
 * of them speak of, and under frozen heads its rows. Numbers, months and days are what they are in
 * Excel; texts are marked as texts, so that none is run. */
export function workbook(tables, { subtitle, t }) {
  const names = tables.map(({ name }) => escaped(name.replace(NOT_IN_NAME, " ")).slice(0, LONGEST_NAME));
  const each = (write) => tables.map((_, i) => write(i + 1, names[i])).join("");
  const files = {
    "[Content_Types].xml": `<Types xmlns="${PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>${part("workbook", "sheet.main")}${part("styles", "styles")}${each((i) => part(`worksheets/sheet${i}`, "worksheet"))}</Types>`,
    "_rels/.rels": relations(relation("r0", "officeDocument", "xl/workbook.xml")),
    "xl/_rels/workbook.xml.rels": relations(
      relation("r0", "styles", "styles.xml") +
        each((i) => relation(`r${i}`, "worksheet", `worksheets/sheet${i}.xml`)),
    ),
    "xl/workbook.xml": `<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets>${each((i, name) => `<sheet name="${name}" sheetId="${i}" r:id="r${i}"/>`)}</sheets><definedNames>${each((i, name) => printed(i - 1, name))}</definedNames></workbook>`,
    "xl/styles.xml": styles(),
  };
  tables.forEach((table, i) => {
    files[`xl/worksheets/sheet${i + 1}.xml`] = sheet(table, subtitle, t);
  });
  const bytes = Object.entries(files).map(([name, text]) => [name, strToU8(text)]);
  return new Blob([zipSync(Object.fromEntries(bytes), { mtime: EARLIEST })]);
}

function part(name, kind) {
  return `<Override PartName="/xl/${name}.xml" ContentType="${TYPE}.${kind}+xml"/>`;
}

function relations(inner) {
  return `<Relationships xmlns="${PACKAGE}/relationships">${inner}</Relationships>`;
}

function relation(id, kind, target) {
  return `<Relationship Id="${id}" Type="${OFFICE}/${kind}" Target="${target}"/>`;
}

// The header and the first column on each sheet of paper.
function printed(i, name) {
  const place = `'${name.replaceAll("'", "''")}'`;
  return `<definedName name="_xlnm.Print_Titles" localSheetId="${i}">${place}!$A:$A,${place}!$${HEAD}:$${HEAD}</definedName>`;
}

function styles() {
  const formats = KINDS.map(
    (kind, i) => `<numFmt numFmtId="${200 + i}" formatCode="${escaped(FORMATS[kind])}"/>`,
  );
  const font = (inner) => `<font>${inner}<name val="Calibri"/></font>`;
  const fonts = ['<sz val="11"/>', '<b/><sz val="15"/>', '<sz val="11"/><color rgb="FF605E5C"/>', '<b/><sz val="11"/>'];
  const fill = (inner) => `<fill><patternFill ${inner}</patternFill></fill>`;
  const sides = (bottom) => `<border><left/><right/><top/>${bottom}<diagonal/></border>`;
  const cell = (own) => `<xf xfId="0" numFmtId="0" fontId="0" fillId="0" borderId="0" ${own}</xf>`;
  return `<styleSheet xmlns="${MAIN}"><numFmts count="${KINDS.length}">${formats.join("")}</numFmts></styleSheet>`
}
