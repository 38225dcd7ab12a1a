/**
 * Recognizes Swish (Ramachandran et al. 2017), also known as SiLU: x · Sigmoid(α x).
 *
 *   x · Sigmoid(α x)  →  QuickGelu(x, α) of com.microsoft
 *
 * onnxruntime itself fuses to QuickGelu at its default level, so no model needs a kernel that it did not use
 * before; for the standard Swish of operator set 24, onnxruntime 1.30 has no kernel. Handles float32 with a
 * nonzero scalar α, if nothing else uses the intermediate values, and x is known not to be a scalar if α has an
 * axis. Results differ by rounding: in onnxruntime 1.32 by at most 2.4e-7 for x from -3 to 3.
 */
import { attribute, DataType, makeNode } from "../../../ir/index.js";
import {
  type Match,
  type Misfit,
  nearMisfit,
  node,
  oneOf,
  rule,
  type Scope,
  scaled,
  value,
} from "../../../patterns/index.js";
import { definePass } from "../../define-pass.js";
import { fuseAll, type Fusion, fusionResult } from "./fusion.js";
import { CONTRIB, importContrib, ranksStay } from "./graph-queries.js";

const x = value("x");
const steeper = scaled(x);
const gate = node("Sigmoid", [oneOf(x, steeper.pattern)]);

const SWISH: Fusion = {
  rule: rule({ pattern: node("Mul", [gate, x]), anchor: gate, check }),
  write: (match, { model, rewrite }) => {
    importContrib(model);
    const { found } = match;
    const alpha = attribute.float("alpha", Math.fround(found.maybe(steeper.factor) ?? 1));
    rewrite.fuse(match, { ...makeNode("QuickGelu", [found.of(x)], [""], [alpha]), domain: CONTRIB });
    return undefined;
  },
};

export const fuseSwish = definePass<Record<string, never>>({
  name: "fuse-swish",
  description: "Fuse Swish (SiLU) composed with a Sigmoid",
  lossy: false,
  defaults: {},
  run: (model) => fusionResult("activationsFused", fuseAll(model, [SWISH])),
});

function check(match: Match, scope: Scope): Misfit | undefined {
  const { found } = match;
  const input = found.of(x);
  const alpha = found.maybe(steeper.factor) ?? 1;
  if (alpha === 0 || !Number.isFinite(alpha)) return nearMisfit(`the factor is ${alpha}`);
  if (scope.facts.type(input)?.elementType !== DataType.FLOAT)
    return nearMisfit(`"${input}" is not known to be float32`);
  return ranksStay(input, match, scope);
}
