/** The weights of a model: constants, and values computed from constants alone, with the node that works with them. */
import { dataTypeName, elementCount, nodeLabel, storedByteLength, type Dimension, type GraphEditor, type Node, type Tensor } from "../../ir/index.js";
import { staticCount } from "../../ops/shapes.js";
import { fixedValues, type FixedValues } from "./fixed-values.js";
import type { InspectedWeight } from "./inspection.js";
import type { PreparedModel } from "./prepared-model.js";
import { operatorName } from "./scopes.js";
import { digestOf, loaded, weightStatistics } from "./weight-statistics.js";

export interface WeightSources {
  readonly prepared: PreparedModel;
  /** The scope's path of a node of the given model. */
  readonly scopeOf: (node: Node) => string;
  /** Values of a weight that is computed from constants, when something can compute them. */
  readonly compute?: ((name: string) => Promise<Tensor | undefined>) | undefined;
}

export interface FoundWeight { readonly weight: InspectedWeight; readonly node: Node | undefined }

interface Use { readonly values: FixedValues; readonly name: string; readonly node: Node | undefined; readonly input: number | null }

/** All weights in node order, then constants that no node uses. Decodes one tensor at a time. */
export async function collectWeights(sources: WeightSources): Promise<FoundWeight[]> {
  const counted = new Set<unknown>();
  const found: FoundWeight[] = [];
  for (const use of usesOf(sources.prepared.editors)) found.push({ weight: await describe(use, sources, counted), node: use.node && sources.prepared.origin(use.node) });
  return found;
}

/** First uses of fixed values by nodes that are not fixed themselves. */
function usesOf(editors: readonly GraphEditor[]): Use[] {
  const all = fixedValues(editors);
  const seen = new Map<FixedValues, Set<string>>();
  const used = new Set<Tensor>();
  const uses: Use[] = [];
  const add = (values: FixedValues, name: string, node: Node | undefined, input: number | null): void => {
    const names = seen.get(values) ?? new Set();
    seen.set(values, names);
    if (names.has(name)) return;
    names.add(name);
    uses.push({ values, name, node, input });
    for (const tensor of values.constantsOf(name)) used.add(tensor);
  };
  for (const [editor, values] of all) {
    for (const node of editor.graph.nodes) {
      if (values.nodes.has(node)) continue;
      node.inputs.forEach((name, input) => {
        const owner = name === "" ? undefined : values.owner(name);
        if (owner) add(owner, name, node, input);
      });
    }
  }
  for (const [editor, values] of all) for (const tensor of editor.graph.initializers) if (!used.has(tensor)) add(values, tensor.name ?? "", editor.consumers(tensor.name ?? "")[0], null);
  return uses;
}

async function describe({ values, name, node, input }: Use, { prepared, scopeOf, compute }: WeightSources, counted: Set<unknown>): Promise<InspectedWeight> {
  const { editor } = values;
  const tensor = editor.producer(name) ? undefined : values.held(name);
  const constants = tensor ? [tensor] : values.constantsOf(name);
  const type = prepared.types.get(editor)?.get(name);
  const shape = tensor?.dims ?? type?.shape;
  const origin = node && prepared.origin(node);
  const value = (tensor && loaded(tensor)) ?? (editor.parent ? undefined : await compute?.(name));
  return {
    name, scope: origin ? scopeOf(origin) : "",
    node: origin ? nodeLabel(origin) : null, opType: origin ? operatorName(origin) : null, input,
    type: tensor ?? type ? dataTypeName(tensor?.dataType ?? type?.elementType ?? 0) : "unknown",
    shape: (value?.dims ?? shape)?.map((dim: Dimension) => dim ?? null) ?? null,
    elements: staticCount(value?.dims ?? shape) ?? constants.reduce((sum, each) => sum + elementCount(each), 0),
    bytes: constants.reduce((sum, each) => sum + bytesOnce(each, counted), 0),
    stored: !tensor ? "computed" : tensor.external ? "external" : prepared.initializers.has(tensor) ? "inline" : "node",
    constants: tensor ? [] : constants.map((each) => each.name ?? ""),
    digest: digestOf(tensor && value ? [value] : constants),
    statistics: value ? weightStatistics(value) : null,
  };
}

/** A function that is called twice holds its constants once. */
function bytesOnce(tensor: Tensor, counted: Set<unknown>): number {
  const content = tensor.raw ?? tensor.external ?? tensor.typed ?? tensor;
  if (counted.has(content)) return 0;
  counted.add(content);
  return storedByteLength(tensor);
}
