/** Reads the official operator tests straight from their archive. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

export interface OperatorTest {
  readonly name: string;
  readonly model: Uint8Array;
  readonly dataSets: readonly {
    readonly inputs: readonly Uint8Array[];
    readonly outputs: readonly Uint8Array[];
  }[];
}

const BLOCK = 512;

/**
 * The files of a GNU tar archive by name. A name of more than 100 characters comes in an entry of type L of
 * its own.
 */
function* tarFiles(archive: Buffer): Generator<[name: string, bytes: Buffer]> {
  let longName: string | undefined;
  for (let at = 0; at + BLOCK <= archive.byteLength;) {
    const field = (from: number, length: number): string =>
      archive
        .subarray(at + from, at + from + length)
        .toString("latin1")
        .replace(/\0.*$/s, "");
    const name = longName ?? field(0, 100);
    if (name === "") return;
    const size = parseInt(field(124, 12).trim(), 8);
    const bytes = archive.subarray(at + BLOCK, at + BLOCK + size);
    longName = field(156, 1) === "L" ? bytes.toString("latin1").replace(/\0.*$/s, "") : undefined;
    if (longName === undefined) yield [name, bytes];
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
}

/** All operator tests, by name. */
export function operatorTests(): OperatorTest[] {
  const path = new URL("../../fixtures/conformance/onnx-node-tests.tar.gz", import.meta.url);
  const files = new Map(tarFiles(gunzipSync(readFileSync(path))));
  const tests: OperatorTest[] = [];
  for (const [file, model] of files) {
    const name = /^node\/([^/]+)\/model\.onnx$/.exec(file)?.[1];
    if (name === undefined) continue;
    const series = (set: number, kind: "input" | "output"): Buffer[] => {
      const found: Buffer[] = [];
      for (let k = 0, bytes; (bytes = files.get(`node/${name}/test_data_set_${set}/${kind}_${k}.pb`)); k++)
        found.push(bytes);
      return found;
    };
    const dataSets = [];
    for (let set = 0; files.has(`node/${name}/test_data_set_${set}/output_0.pb`); set++)
      dataSets.push({ inputs: series(set, "input"), outputs: series(set, "output") });
    tests.push({ name, model, dataSets });
  }
  return tests;
}
