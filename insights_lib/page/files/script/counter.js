// Who counts what is selected: the page itself, or a worker where the rows are so many that the page
// would stop answering meanwhile.
//
// Both have these:
//   rows              what the page must know of the rows without counting, see outlineOf in rows.js
//   isSlow            whether the reader should be told to wait
//   count(selection)  promises the tables, see tables.js

import { openRows, outlineOf, unpacked } from "./rows.js";
import { countTables } from "./tables.js";

export class Counter {
  constructor(rows, declared) {
    Object.assign(this, { rows: openRows(rows, declared), declared, isSlow: false });
  }

  async count(selection) {
    return countTables(this.rows, selection, this.declared);
  }
}

/* Opens packed content in a worker of its own: {content, counter}, the content without its rows. script
 * is the text of a script that lets serve() answer. */
export async function openInWorker(packed, script) {
  const file = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const worker = new Worker(file);
  try {
    const { content, outline } = await ask(worker, { packed });
    return { content, counter: new WorkerCounter(worker, outline, packed) };
  } catch (error) {
    worker.terminate();
    throw error;
  } finally {
    URL.revokeObjectURL(file);
  }
}

class WorkerCounter {
  constructor(worker, outline, packed) {
    Object.assign(this, { worker, packed, rows: outline, isSlow: true });
    Object.assign(this, { latest: null, answer: null, own: null });
  }

  /* Of selections that wait, only the last one is counted; the others get null. */
  async count(selection) {
    this.latest = selection;
    await this.answer;
    if (this.latest !== selection) return null;
    this.answer = this.answerTo(selection);
    return this.answer;
  }

  // A worker that has failed, perhaps for want of memory, is asked no more: the page counts.
  async answerTo(selection) {
    try {
      if (!this.own) return await ask(this.worker, { selection });
    } catch (error) {
      console.warn(error);
      this.worker.terminate();
      const { rows, declared } = JSON.parse(await unpacked(this.packed));
      this.own = new Counter(rows, declared);
    }
    return this.own.count(selection);
  }
}

// One question at a time.
function ask(worker, question) {
  return new Promise((resolve, reject) => {
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.onmessage = ({ data: { answer, failure } }) =>
      failure ? reject(new Error(failure)) : resolve(answer);
    worker.postMessage(question);
  });
}

/* Answers the questions of ask(), in the worker. */
export function serve(scope) {
  let counter = null;
  const answerTo = async ({ packed, selection }) => {
    // A copy makes every table.
    if (selection) return { ...(await counter.count(selection)) };
    const { rows, ...content } = JSON.parse(await unpacked(packed));
    counter = new Counter(rows, content.declared);
    return { content, outline: outlineOf(counter.rows) };
  };
  scope.onmessage = async ({ data }) => {
    try {
      scope.postMessage({ answer: await answerTo(data) });
    } catch (error) {
      scope.postMessage({ failure: String(error) });
    }
  };
}
