// The order and the search of many rows: what takes long is done once for each column.

export class Orders {
  /* columns: the kind of each, by name; searched: the columns that a search looks into. */
  constructor(rows, columns, searched, t) {
    Object.assign(this, { rows, columns, searched, t, kept: new Map() });
  }

  /* The positions of all rows in the order of a column; unknown values stay at the end either way. */
  by(name, down) {
    if (!this.kept.has(name)) this.kept.set(name, this.ordered(name));
    const { known, unknown } = this.kept.get(name);
    return [...(down ? (known.toReversed?.() ?? [...known].reverse()) : known), ...unknown];
  }

  // By the rank of each value among the different ones: these are few to sort.
  ordered(name) {
    const values = this.rows.map((row) => row[name]);
    const different = this.inOrder(new Set(values), name);
    const rank = new Map(different.map((value, i) => [value, i]));
    const starts = new Int32Array(different.length + 1);
    for (const value of values) if (value !== null) starts[rank.get(value) + 1] += 1;
    for (let i = 1; i < starts.length; i++) starts[i] += starts[i - 1];
    const known = new Int32Array(starts.at(-1));
    const unknown = [];
    values.forEach((value, place) => {
      if (value === null) unknown.push(place);
      else known[starts[rank.get(value)]++] = place;
    });
    return { known, unknown };
  }

  // Values but null; texts stand in the order of the reader's language.
  inOrder(values, name) {
    values.delete(null);
    const kind = this.columns[name];
    const { compare, nameOf } = this.t;
    const different = [...values];
    if (typeof different[0] === "number") return [...Float64Array.from(different).sort()];
    // These are written so that their letters tell their order.
    if (["month", "date"].includes(kind) || name === "customer") return different.sort();
    if (kind === "text") return different.sort(compare);
    return different.sort((a, b) => compare(nameOf(a), nameOf(b)));
  }

  /* Whether the searched columns of a row, by its position, hold a text in small letters. */
  holds(wanted) {
    this.texts ??= this.rows.map((row) =>
      this.searched
        .map((name) => row[name] ?? "")
        .join("\n")
        .toLowerCase(),
    );
    return (place) => this.texts[place].includes(wanted);
  }
}
