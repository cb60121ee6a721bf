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

  ordered(name) {
    const values = this.rows.map((row) => row[name]);
    const isText = values.some((value) => typeof value === "string");
    const rank = isText ? this.ranks(values, this.columns[name]) : null;
    const keys = Float64Array.from(values, (value) => {
      if (value === null) return NaN;
      return rank ? rank.get(value) : value;
    });
    const places = Int32Array.from(values, (_, i) => i);
    const known = places.filter((i) => !Number.isNaN(keys[i]));
    known.sort((a, b) => keys[a] - keys[b] || a - b);
    return { known, unknown: places.filter((i) => Number.isNaN(keys[i])) };
  }

  // Months and dates stand in the order of their digits, names and texts in that of the language.
  ranks(values, kind) {
    const { t } = this;
    const unique = [...new Set(values)].filter((value) => value !== null);
    if (kind === "month" || kind === "date") unique.sort();
    else if (kind === "name" || kind === "names")
      unique.sort((a, b) => t.compare(t.nameOf(a), t.nameOf(b)));
    else unique.sort(t.compare);
    return new Map(unique.map((value, i) => [value, i]));
  }

  /* Whether the searched columns of a row, by its position, hold a text in small letters. */
  holds(wanted) {
    this.texts ??= this.rows.map((row) =>
      this.searched
        .map((name) => row[name] ?? "")
        .join("\n")
        .toLocaleLowerCase(),
    );
    return (place) => this.texts[place].includes(wanted);
  }
}
