/** Whether a failure is the original model's, or that of one sample of the data, rather than of what edgec made. */
import type { Dataset } from "../data/index.js";
import { BadDataError, EdgecError } from "../errors.js";
import { openRemote, type Session } from "../runtime/index.js";
import { readableFiles } from "../verify/index.js";

export interface Original {
  /** The file that the runtime runs. */
  readonly path: string;
  /** What messages call it. */
  readonly name: string;
}

/** Samples that a model may fail on, from the first, before it counts as one that fails on all. */
const MOST_FAILED = 64;

/**
 * Runs the original by itself over all of the data, in a process of its own, as the first may have crashed. Undefined
 * when nothing is wrong with it. BadDataError that names file and sample where it fails on some samples and not on
 * others; the runtime's own error where it does not load, or fails on all.
 * @param datasets as the user gave them, so that samples are counted as in the file
 */
export async function originalFault(
  { path, name }: Original,
  datasets: readonly (Dataset | undefined)[],
): Promise<EdgecError | undefined> {
  const readable = await readableFiles([path]);
  const runtime = await openRemote();
  try {
    const session = await runtime.open(readable.files[0]?.path ?? path, { label: name });
    // Without an output to ask for there is no run.
    if (readable.outputs.length > 0)
      return await faultOn(
        session,
        readable.outputs,
        datasets.filter((data) => data !== undefined),
        name,
      );
  } catch (error) {
    if (error instanceof EdgecError) return error;
    throw error;
  } finally {
    await runtime.close();
    await readable.remove();
  }
  return undefined;
}

interface Failure {
  readonly where: string;
  readonly error: EdgecError;
}

async function faultOn(
  session: Session,
  outputs: readonly string[],
  datasets: readonly Dataset[],
  name: string,
): Promise<EdgecError | undefined> {
  let failure: Failure | undefined;
  let failed = 0;
  let hasPassed = false;
  for (const data of datasets) {
    let index = 0;
    for await (const { feed } of data.samples()) {
      const error = await failureOf(session.run(feed, outputs));
      if (error) failure ??= { where: `${data.name}: sample ${index}`, error };
      else hasPassed = true;
      if (error?.code === "RUNTIME_CRASHED") return failure?.error;
      if (error && ++failed >= MOST_FAILED) break;
      if (failure && hasPassed) return ofSample(failure, name);
      index++;
    }
  }
  return failure && withSample(failure);
}

async function failureOf(run: Promise<unknown>): Promise<EdgecError | undefined> {
  try {
    await run;
    return undefined;
  } catch (error) {
    if (error instanceof EdgecError) return error;
    throw error;
  }
}

/** A model that came without a path is called "the model". */
function subjectOf(name: string): string {
  return name === "the model" ? "the original model" : `the original model ${name}`;
}

/** Other samples pass, so the values of this one are at fault. */
function ofSample({ where, error }: Failure, name: string): BadDataError {
  const words = error.message.replace(`${name}: `, "");
  return new BadDataError(
    `${where}: ${subjectOf(name)} fails on it, and runs on other samples: ${words}. ` +
      "Correct the sample or leave it out.",
    { cause: error },
  );
}

function withSample({ where, error }: Failure): EdgecError {
  return new EdgecError(error.code, `${error.message} (${where}, and all others that were tried)`, { cause: error });
}

/** The same failure, or the one that names the sample on which the original fails while it runs on others. */
export async function toldOfSample(
  error: unknown,
  original: Original,
  datasets: readonly (Dataset | undefined)[],
): Promise<unknown> {
  if (!(error instanceof EdgecError) || error.code !== "MODEL_REJECTED") return error;
  const fault = await originalFault(original, datasets);
  return fault instanceof BadDataError ? fault : error;
}
