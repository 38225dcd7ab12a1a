/** Measures tensors of a model over a dataset. */
import { EdgecError } from "../errors.js";
import { requestKey, Statistics } from "../numeric/statistics.js";
import { locate } from "./augment.js";
import { type CalibrationOptions, DEFAULTS } from "./calibration-options.js";
import { exactBoundary } from "./exact-boundary.js";
import { Measurement } from "./measurement.js";
import { CalibrationProcess, type CalibrationClient } from "./process.js";
import type { Ends } from "./round-course.js";
import { modelLabel, ScratchModels } from "./scratch-models.js";
import { liftRequests } from "./subgraph-requests.js";

export type { CalibrationOptions };

/**
 * Measures the `requests`. The model runs in a child process with the requested tensors as outputs, and only
 * statistics come back. Requests that do not fit in memory together are measured in rounds, each on the part of
 * the model behind the part of the round before it.
 *
 * A request is absent from the result if the model has no such tensor in that scope, it is not floating
 * point, or its shape does not suit the request; also for a body that never runs or cannot be reached (see
 * expose-subgraph-tensors.ts). Ranges (of channels too) and histograms leave out infinities. Throws
 * BadDataError for a tensor that holds NaN (or, for moments and Gram matrices, infinities), with the index of
 * the sample; EdgecError RUNTIME_CRASHED when the child process dies.
 */
export async function calibrate(options: CalibrationOptions): Promise<Statistics> {
  const { model, requests, continued, boundaryBytes: mostBytes = DEFAULTS.boundaryBytes } = options;
  if (!continued) return calibratePart(options, {});
  const { by, later } = continued;
  const [now, then] = [requests, later].map((list) => list.map(({ tensor }) => tensor)) as [
    string[],
    string[],
  ];
  const rest = by.rest(model, [...now, ...then]);
  const names = exactBoundary((rest?.model ?? model).graph, now, then);
  const save = names && { path: await by.path(), names, mostBytes };
  const ends: Ends = { ...(rest ? { resume: rest.resume } : {}), ...(save ? { save } : {}) };
  try {
    const statistics = await calibratePart({ ...options, model: rest?.model ?? model }, ends);
    if (ends.stored && save) by.keep(model, save.names, ends.stored);
    return statistics;
  } catch (error) {
    if (!(rest ?? save) || !(error instanceof EdgecError) || error.code !== "MODEL_REJECTED") throw error;
    by.drop();
    return calibratePart(options, {});
  }
}

async function calibratePart(options: CalibrationOptions, ends: Ends): Promise<Statistics> {
  const statistics = new Statistics();
  const lifted = liftRequests(options.model, [
    ...new Map(options.requests.map((request) => [requestKey(request), request])).values(),
  ]);
  const located = locate(
    options.model.graph,
    lifted.requests.map((request) => request.tensor),
  );
  if (lifted.inner.length + located.computed.length + located.inputs.length + located.constants.length === 0)
    return statistics;
  const scratch = await ScratchModels.create();
  try {
    await withProcess(options.process, async (child) =>
      new Measurement(options, ends, lifted, located, child, scratch, statistics).run(),
    );
  } catch (error) {
    throw scratch.unnamed(error, modelLabel(options.model));
  } finally {
    await scratch.remove();
  }
  return statistics;
}

/**
 * Runs in the given process, which is kept, or in a new one. After a failure the process ends, because
 * something may still be running in it.
 */
async function withProcess(
  given: CalibrationProcess | undefined,
  use: (child: CalibrationClient) => Promise<void>,
): Promise<void> {
  const process = given ?? new CalibrationProcess();
  let isDone = false;
  try {
    await use(await process.client());
    isDone = true;
  } finally {
    await (given && isDone ? process.rest() : process.close());
  }
}
