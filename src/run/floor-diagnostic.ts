/** Says which layers went back to float because int8 lost too much, or that this was not enough. */
import type { Diagnostic } from "../diagnostics.js";
import { MIN_AGREEMENT, MIN_DB } from "../fidelity/index.js";
import { option } from "../option-names.js";
import type { NodeChoice } from "../search/by-accuracy.js";
import { decibelText, percentText, plural } from "../units.js";

const MAX_NAMED = 5;

/** Undefined where int8 in all layers is good enough. */
export function floorDiagnostic(choice: NodeChoice | undefined): Diagnostic | undefined {
  if (!choice || (choice.reached && choice.floatNodes.length === 0)) return undefined;
  const { floatNodes, beforeDb, afterDb, reached } = choice;
  const floor = `${percentText(MIN_AGREEMENT)} of the answers the same, or ${MIN_DB} dB for values`;
  const before =
    "Int8 in all layers is below the floor on held-out samples " +
    `(${decibelText(beforeDb)}; asked: ${floor})`;
  if (floatNodes.length === 0)
    return {
      id: "compress/below-floor",
      severity: "warning",
      message: `${before}, and no layer that was tried in float brings it nearer.`,
    };
  const named = floatNodes.slice(0, MAX_NAMED).join(", ") + (floatNodes.length > MAX_NAMED ? ", …" : "");
  const layers = `${plural(floatNodes.length, "layer")} (${named})`;
  return reached
    ? {
        id: "compress/floor",
        severity: "info",
        message:
          `${before}, so ${layers} went back to float, which gives ${decibelText(afterDb)}. ` +
          `To keep int8 there all the same, give ${option("floor", false)}.`,
      }
    : {
        id: "compress/below-floor",
        severity: "warning",
        message: `${before}. With ${layers} in float it is at ${decibelText(afterDb)}, still below.`,
      };
}
