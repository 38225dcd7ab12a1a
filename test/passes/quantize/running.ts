/** Tiny models in onnxruntime: what they give, what becomes of their operators, and how near outputs are. */
import { type Feed, type Model, withNested } from "../../../src/ir/index.js";
import { decodeModel, encodeModelBytes } from "../../../src/onnx/index.js";
import { loadRuntime, openRemote } from "../../../src/runtime/index.js";

/** The values of output y, for one feed behind the other. */
export async function outputs(m: Model, ...feeds: readonly Feed[]): Promise<number[]> {
  const session = await (await loadRuntime()).open(encodeModelBytes(m));
  const values: number[] = [];
  for (const feed of feeds) values.push(...((await session.run(feed)).y!.data as Float32Array));
  await session.release();
  return values;
}

/** What onnxruntime makes of the model, bodies included. */
export async function executedOps(m: Model): Promise<string[]> {
  const runtime = await openRemote();
  try {
    return [...withNested(decodeModel(await runtime.optimizedGraph(encodeModelBytes(m))).graph.nodes)].map(
      (node) => node.opType,
    );
  } finally {
    await runtime.close();
  }
}

/** Signal over error in dB. */
export function sqnr(signal: number[], approximation: number[]): number {
  const power = (values: number[]): number => values.reduce((sum, v) => sum + v * v, 0);
  return 10 * Math.log10(power(signal) / power(signal.map((v, k) => v - approximation[k]!)));
}
