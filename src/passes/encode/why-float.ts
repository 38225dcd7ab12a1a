/** Finds weights that are not stored as int8, and the reasons. */
import { DataType, elementCount, nodeLabel, type GraphEditor, type Tensor } from "../../ir/index.js";
import type { DirectUse } from "./direct-uses.js";
import { BFLOAT16_CAST_OPSET, MAX_FOLDABLE_ELEMENTS } from "./folding-facts.js";
import type { FreeNames } from "./free-names.js";
import { int8Chain } from "./int8-chain.js";
import { draftOf, type StoredForms } from "./stored-forms.js";
import { nodeWireSize, tensorWireSize } from "./wire-size.js";

export const FLOATS: ReadonlySet<DataType> = new Set([DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16]);

/** The reason from the constant itself; undefined if only its use and its size can rule int8 out. */
export function whyFloat(
  editor: GraphEditor,
  tensor: Tensor,
  uses: readonly DirectUse[],
  { exclude }: { readonly exclude: readonly string[] },
  opset: number,
): string | undefined {
  const name = tensor.name ?? "";
  const users = [...editor.consumers(name), ...uses.map(({ node }) => node)];
  if (!FLOATS.has(tensor.dataType)) return "is not float32, float16 or bfloat16";
  if (tensor.dataType === DataType.BFLOAT16 && opset < BFLOAT16_CAST_OPSET)
    return `is bfloat16, which needs operator set ${BFLOAT16_CAST_OPSET}`;
  if (exclude.includes(name)) return "excluded";
  const excluded = users.find((user) => exclude.includes(nodeLabel(user)));
  if (excluded) return `excluded with node "${nodeLabel(excluded)}"`;
  if (editor.isOutput(name)) return "is a graph output";
  if (editor.input(name)) return "is the default of a graph input, which callers may override";
  if (tensor.unknownFields?.length) return "carries fields that edgec does not know";
  return elementCount(tensor) > MAX_FOLDABLE_ELEMENTS
    ? "is too large for onnxruntime to unfold at load (1 GiB)"
    : undefined;
}

/** Why int8 would not make the constant smaller; undefined if it would. */
export function whySmaller(tensor: Tensor, axes: readonly number[], forms: StoredForms): string | undefined {
  const name = tensor.name ?? "";
  const scales = axes.reduce((product, axis) => product * (tensor.dims[axis] ?? 1), 1);
  const chain = int8Chain(
    tensor,
    { codes: new Int8Array(0), scales: new Float32Array(scales), sqnr: 0 },
    axes,
    PLACEHOLDERS,
  );
  const bytes = [...chain.constants.map(tensorWireSize), ...chain.nodes.map(nodeWireSize)].reduce(
    (sum, size) => sum + size,
    0,
  );
  const dense = tensorWireSize(tensor);
  if (bytes >= dense) return `int8 with scales would take ${bytes} bytes; the float form takes ${dense}`;
  const form = forms.of(tensor);
  const before = form && draftOf(form, name).bytes;
  return before !== undefined && before <= bytes
    ? `the file already holds it in ${before} bytes; int8 would take ${bytes}`
    : undefined;
}

/** Placeholders where only sizes matter: names in chains have two or three characters. */
const PLACEHOLDERS: Pick<FreeNames, "next"> = { next: () => "e00" };
