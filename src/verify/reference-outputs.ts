/** Holds the samples and outputs that several runs of a model are compared on, in bounded memory. */
import type { Dataset } from "../data/index.js";
import type { Feed } from "../ir/index.js";

const MAX_BYTES = 2 ** 27;

/**
 * The first feeds, at most `samples` of them and at most `maxBytes`. Throws BadDataError for data that cannot
 * be read.
 */
export async function firstFeeds(data: Dataset, samples: number, maxBytes = MAX_BYTES): Promise<Feed[]> {
  const feeds: Feed[] = [];
  let bytes = 0;
  for await (const { feed } of data.samples()) {
    feeds.push(feed);
    bytes += bytesOf(feed);
    if (feeds.length >= samples || bytes >= maxBytes) break;
  }
  return feeds;
}

/** Collects outputs feed by feed until they and their feeds reach `maxBytes`. */
export class ReferenceOutputs {
  readonly outputs: Feed[] = [];
  private bytes = 0;

  constructor(
    private readonly given: readonly Feed[],
    private readonly maxBytes = MAX_BYTES,
  ) {}

  /** The feeds whose outputs were kept. */
  get feeds(): Feed[] {
    return this.given.slice(0, this.outputs.length);
  }

  add(outputs: Feed): void {
    if (this.bytes >= this.maxBytes) return;
    this.bytes += bytesOf(outputs) + bytesOf(this.given[this.outputs.length] ?? {});
    this.outputs.push(outputs);
  }
}

/** Counts strings by their length in UTF-16. */
export function bytesOf(feed: Feed): number {
  let bytes = 0;
  for (const { data } of Object.values(feed)) {
    if (Array.isArray(data)) for (const text of data as readonly string[]) bytes += 2 * text.length;
    else bytes += (data as ArrayBufferView).byteLength;
  }
  return bytes;
}
