/** Runs the official operator tests in onnxruntime, before and after a change of the model. */
import { rawOfTensor } from "../../src/data/readers/test-data-sets.js";
import type { Feed, Model, TensorValue } from "../../src/ir/index.js";
import { assertValid } from "../../src/ir/validate.js";
import { decodeModel, decodeTensor } from "../../src/onnx/index.js";
import { run, valueDifference } from "../support/running.js";
import type { OperatorTest } from "../support/operator-archive.js";

export type Change = (model: Model) => boolean | Promise<boolean>;

/**
 * "unchanged": the change left the model alone. "cannot run": onnxruntime or its JavaScript API does not
 * take the model as it was. "equal": the outputs are as they were. "random": two runs of the original
 * differ already.
 */
export type Verdict = "unchanged" | "cannot run" | "equal" | "random" | "different";

export interface Outcome {
  readonly name: string;
  readonly verdict: Verdict;
  /**
   * Whether the outputs are the official ones; absent when onnxruntime misses those with the model as it
   * was.
   */
  readonly official?: boolean;
  readonly detail?: string;
}

/** The official runner's bounds. */
const OFFICIAL = { relative: 1e-3, absolute: 1e-7 };

const NEWEST_IR = 13n;

/** Rounding that other kernels of the same operator may show, relative to values of about one. */
const TOLERANCE = 2e-6;

export async function outcomeOf(test: OperatorTest, change: Change): Promise<Outcome> {
  const model = read(test);
  if (!(await change(model))) return { name: test.name, verdict: "unchanged" };
  assertValid(model, test.name);
  const feed = feedOf(test);
  const before = feed && (await attempt(read(test), feed));
  if (!feed || !before) return { name: test.name, verdict: "cannot run" };
  const after = await attempt(model, feed);
  if (after instanceof Error || before instanceof Error) {
    return before instanceof Error
      ? { name: test.name, verdict: "cannot run", detail: before.message }
      : { name: test.name, verdict: "different", detail: (after as Error).message };
  }
  if (agree(before, after))
    return {
      name: test.name,
      verdict: "equal",
      ...(isOfficial(test, before) ? { official: isOfficial(test, after) } : {}),
    };
  const again = await attempt(read(test), feed);
  return {
    name: test.name,
    verdict: again instanceof Error || agree(before, again) ? "different" : "random",
  };
}

/**
 * The model, at the newest IR version that onnxruntime reads: later ones changed nothing that these tests
 * use.
 */
function read({ model }: OperatorTest): Model {
  const read = decodeModel(model);
  if (read.irVersion !== undefined && read.irVersion > NEWEST_IR) read.irVersion = NEWEST_IR;
  return read;
}

async function attempt(model: Model, feed: Feed): Promise<Feed | Error> {
  try {
    return await run(model, feed);
  } catch (error) {
    return error as Error;
  }
}

function agree(a: Feed, b: Feed): boolean {
  return (
    Object.keys(a).join() === Object.keys(b).join() &&
    Object.entries(a).every(
      ([name, value]) => valueDifference(value, b[name]!) <= TOLERANCE * Math.max(1, largest(value.data)),
    )
  );
}

function isOfficial({ dataSets }: OperatorTest, outputs: Feed): boolean {
  return Object.values(outputs).every((value, k) => {
    const bytes = dataSets[0]?.outputs[k];
    if (!bytes) return false;
    try {
      const { relative, absolute } = OFFICIAL;
      return valueDifference(value, valueOf(bytes)) <= absolute + relative * largest(value.data);
    } catch {
      return false;
    }
  });
}

/** Throws for element types that JavaScript cannot pass. */
function valueOf(bytes: Uint8Array): TensorValue {
  const tensor = decodeTensor(bytes);
  return { ...rawOfTensor(tensor), dataType: tensor.dataType } as TensorValue;
}

function largest(data: Feed[string]["data"]): number {
  return Array.from(data as ArrayLike<unknown>).reduce<number>(
    (max, v) => (typeof v === "number" && Number.isFinite(v) ? Math.max(max, Math.abs(v)) : max),
    0,
  );
}

/** The first data set's inputs; undefined when one is no tensor or of a type that JavaScript cannot pass. */
function feedOf({ model, dataSets }: OperatorTest): Feed | undefined {
  const { inputs } = decodeModel(model).graph;
  if (inputs.some((input) => !input.type?.tensor)) return undefined;
  try {
    return Object.fromEntries(
      inputs.flatMap(({ name }, k) => {
        const bytes = dataSets[0]?.inputs[k];
        return bytes ? [[name, valueOf(bytes)]] : [];
      }),
    );
  } catch {
    return undefined;
  }
}

// onnxruntime loads models of operator sets that are not final only on request. Must be set before it is
// loaded.
process.env.ALLOW_RELEASED_ONNX_OPSET_ONLY = "0";

/** How many tests came out how. */
export function tally(outcomes: readonly Outcome[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = {
    unchanged: 0,
    "cannot run": 0,
    equal: 0,
    random: 0,
    different: 0,
  };
  for (const { verdict } of outcomes) counts[verdict]++;
  return counts;
}
