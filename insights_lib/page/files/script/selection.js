// What is chosen in a report, as Python has it, {product: ["Azure"], from: "2025-04", to: "2025-09"},
// and as the address of the page keeps it, see filters.js.

export function queryOf({ from, to, ...facets }) {
  const kept = Object.entries(facets).flatMap(([facet, texts]) =>
    texts.map((text) => [facet, text]),
  );
  const months = from ? { from, to } : {};
  return String(new URLSearchParams([...kept, ...Object.entries(months)]));
}

export function selectionOf(query, facets) {
  const asked = new URLSearchParams(query);
  const chosen = facets
    .map((facet) => [facet, asked.getAll(facet)])
    .filter(([, texts]) => texts.length);
  const months = ["from", "to"].filter((name) => asked.has(name));
  return Object.fromEntries([...chosen, ...months.map((name) => [name, asked.get(name)])]);
}
