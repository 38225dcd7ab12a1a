/** Fetches Gram matrices from the calibration process: small ones as messages, large ones as files. */
import { TemporaryFolder } from "../onnx/index.js";
import type { Gram, GramRequest, Statistics, StoredGram } from "../numeric/statistics.js";
import { gramBytesOf, inDoubles, readGram } from "./moments-file.js";
import type { CalibrationClient } from "./process.js";

/** Most bytes of one measurement's matrices to hold in memory. */
const HELD_BYTES = 16 * 2 ** 20;

export class MomentsStore {
  private left: number;
  private folder: TemporaryFolder | undefined;
  private written = 0;

  constructor(
    private readonly child: CalibrationClient,
    private readonly statistics: Statistics,
    heldBytes = HELD_BYTES,
  ) {
    this.left = heldBytes;
  }

  /**
   * The matrix is read from its file at each request. The file is removed with the statistics, at the latest when
   * the process ends. Throws EdgecError CANNOT_WRITE if there is no space for it.
   * @param original the request under which it is found
   */
  async take(request: GramRequest, original: GramRequest): Promise<void> {
    const taken = await this.child.call("takeGram", [request, this.left]);
    if (taken === undefined) return;
    if (typeof taken === "number") {
      this.folder ??= await this.makeFolder();
      const path = this.folder.file(`${this.written++}.f64`);
      // The reading function must not hold the statistics, because the folder is removed when they are collected.
      const stored = await this.child.call("writeGram", [path]);
      this.statistics.setStored(original, reader(stored), stored);
      return;
    }
    this.left -= gramBytesOf(taken);
    this.statistics.set(original, inDoubles(taken));
  }

  private async makeFolder(): Promise<TemporaryFolder> {
    const folder = await TemporaryFolder.create("moments");
    folder.removeWith(this.statistics);
    return folder;
  }
}

function reader(stored: StoredGram): () => Gram {
  return () => readGram(stored);
}
