/**
 * Recognizes Gelu composed of elementary operators, in the exact form and in the tanh form (Hendrycks, Gimpel
 * 2016).
 *
 *   ½ x (1 + erf(x / √2))  →  Gelu(x)          ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))  →  Gelu(x,
 *   approximate "tanh")
 *
 * From operator set 20 on, it writes the standard Gelu, before that Gelu and FastGelu of com.microsoft.
 * onnxruntime itself fuses to these at its default level, so no model needs a kernel that it did not use
 * before.
 *
 * Handles float32 with the factors in any order and x³ as Pow or as products, if nothing else uses the
 * intermediate values, and x is known not to be a scalar if a constant has an axis. Results differ by rounding.
 * fuse-swish handles x · Sigmoid(1.702 x).
 */
import { attribute, makeNode, type Model, type Node, opsetVersion } from "../../../ir/index.js";
import {
  exactly,
  nearMisfit,
  node,
  type NodePattern,
  oneOf,
  rule,
  times,
  value,
} from "../../../patterns/index.js";
import { definePass } from "../../define-pass.js";
import { fuseAll, type Fusion, fusionResult } from "./fusion.js";
import { CONTRIB, hasAxes, importContrib, ranksStay } from "./graph-queries.js";

/** First operator set with Gelu. */
const GELU_OPSET = 20;

const EXACT = { tolerance: 0 };
const ANY_TYPE = { isOfAnyType: true };

const x = value("x");
const square = oneOf(node("Mul", [x, x]), node("Pow", [x, exactly(2, ANY_TYPE)]));
const cube = oneOf(node("Pow", [x, exactly(3, ANY_TYPE)]), node("Mul", [x, square]));
const bent = node("Add", [x, times(cube, 0.044715)]);

const erf = node("Erf", [times(x, Math.SQRT1_2)]);
const tanh = node("Tanh", [times(bent, Math.sqrt(2 / Math.PI))]);

/** ½ x (1 + gate), with the half at any of the three places. */
function halfOf(gate: NodePattern): Fusion["rule"] {
  const sum = node("Add", [gate, exactly(1)]);
  const pattern = oneOf(
    times(node("Mul", [sum, x]), 0.5, EXACT),
    node("Mul", [times(sum, 0.5, EXACT), x]),
    node("Mul", [sum, times(x, 0.5, EXACT)]),
  );
  return rule({ pattern, anchor: gate, check: (match, scope) => ranksStay(match.found.of(x), match, scope) });
}

const GELUS: readonly Fusion[] = [
  {
    rule: halfOf(erf),
    write: (match, { model, rewrite }) => rewrite.fuse(match, geluNode(match.found.of(x), "none", model)),
  },
  {
    rule: halfOf(tanh),
    write: (match, { model, rewrite, scope }) => {
      const input = match.found.of(x);
      const isStandard = opsetVersion(model) >= GELU_OPSET;
      if (!isStandard && !hasAxes(input, scope.facts))
        return nearMisfit(`"${input}" may be a scalar, which onnxruntime's FastGelu does not accept`);
      return rewrite.fuse(match, geluNode(input, "tanh", model));
    },
  },
];

export const fuseGelu = definePass<Record<string, never>>({
  name: "fuse-gelu",
  description: "Fuse Gelu composed of elementary operators",
  lossy: false,
  defaults: {},
  run: (model) => fusionResult("gelusFused", fuseAll(model, GELUS)),
});

function geluNode(input: string, approximate: "none" | "tanh", model: Model): Node {
  if (opsetVersion(model) >= GELU_OPSET)
    return makeNode("Gelu", [input], [""], [attribute.string("approximate", approximate)]);
  importContrib(model);
  return { ...makeNode(approximate === "tanh" ? "FastGelu" : "Gelu", [input], [""]), domain: CONTRIB };
}
