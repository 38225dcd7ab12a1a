/** Datasets that end with the run, whatever they wait for: a user's module may never yield its next sample. */
import { takeTurn, untilAborted } from "../abort.js";
import type { Dataset, Sample } from "./dataset.js";

/** The same samples. Reading them rejects once the run is aborted. */
export function abortableSamples(dataset: Dataset): Dataset {
  const { name, size, hasLabels } = dataset;
  return { name, size, hasLabels, samples: () => untilAbort(dataset.samples()) };
}

async function* untilAbort(samples: AsyncIterable<Sample>): AsyncGenerator<Sample> {
  const iterator = samples[Symbol.asyncIterator]();
  let isOver = false;
  try {
    for (;;) {
      await takeTurn();
      const next = await untilAborted(iterator.next());
      isOver = next.done === true;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // The reader may stop early. A generator that hangs would also hang when closed, so nothing waits for it.
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
