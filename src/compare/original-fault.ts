/**
 * Finds out whether a failure comes from the original model or from one sample of the data, and not from
 * edgec's changes.
 */
import type { Dataset } from "../data/index.js";
import { BadDataError, EdgecError, sentence } from "../errors.js";
import { openRemote, type Session } from "../runtime/index.js";
import { readableFiles } from "../verify/index.js";

export interface Original {
  /** The file that the runtime runs. */
  readonly path: string;
  /** Its name in messages. */
  readonly name: string;
}

/** After this many failed samples from the start, the model counts as failing on all. */
const MAX_FAILED = 64;

/**
 * Runs only the original over all of the data, in a new process because the first may have crashed. Returns
 * undefined when nothing is wrong with it; a BadDataError that names file and sample when it fails on some
 * samples only; the runtime's error when it does not load or fails on all.
 * @param datasets as the user gave them, so that sample numbers match the file
 */
export async function originalFault(
  { path, name }: Original,
  datasets: readonly (Dataset | undefined)[],
): Promise<EdgecError | undefined> {
  const readable = await readableFiles([path]);
  const runtime = await openRemote();
  try {
    const session = await runtime.open(readable.files[0]?.path ?? path, { label: name });
    // Without a readable output there is nothing to run.
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
      if (error && ++failed >= MAX_FAILED) break;
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

/** A model without a path is called "the model". */
function subjectOf(name: string): string {
  return name === "the model" ? "the original model" : `the original model ${name}`;
}

/** Other samples pass, so this one is at fault. */
function ofSample({ where, error }: Failure, name: string): BadDataError {
  const words = error.message.replace(`${name}: `, "");
  return new BadDataError(
    `${where}: ${subjectOf(name)} fails on this sample but runs on others: ${sentence(words)} ` +
      "Correct the sample or leave it out.",
    { cause: error },
  );
}

function withSample({ where, error }: Failure): EdgecError {
  return new EdgecError(
    error.code,
    `${error.message.replace(/\.$/, "")} (${where}, and all other samples that were tried)`,
    { cause: error },
  );
}

/** Returns the error, or one that names the sample if the original fails on it and runs on others. */
export async function withFailingSample(
  error: unknown,
  original: Original,
  datasets: readonly (Dataset | undefined)[],
): Promise<unknown> {
  if (!(error instanceof EdgecError) || error.code !== "MODEL_REJECTED") return error;
  const fault = await originalFault(original, datasets);
  return fault instanceof BadDataError ? fault : error;
}
