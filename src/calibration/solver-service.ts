/** Solvers in the calibration process, beside the runtime that multiplies for them. */
import { availableParallelism } from "node:os";
import { loadRuntime } from "../runtime/index.js";
import { type RoutineArguments, type RoutineName, runRoutine } from "../solver/index.js";
import { OrtEngine } from "./matrix-engine.js";

let engine: Promise<OrtEngine> | undefined;

/** Routines run one after the other: two would hold twice the memory. */
let turn: Promise<unknown> = Promise.resolve();

export function solve<K extends RoutineName>(routine: K, args: RoutineArguments<K>): Promise<unknown> {
  const solved = turn.then(async () => {
    engine ??= loadRuntime().then((runtime) => new OrtEngine(runtime, availableParallelism()));
    return runRoutine(await engine, routine, args);
  });
  turn = solved.catch(() => undefined);
  return solved;
}
