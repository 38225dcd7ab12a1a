/**
 * Collects the weights of a model: constants and values computed only from constants, with the node that uses
 * them.
 */
import { takeTurn } from "../abort.js";
import {
  dataTypeName,
  elementCount,
  nodeLabel,
  storedByteLength,
  type Dimension,
  type GraphEditor,
  type Node,
  type Tensor,
  operatorName,
} from "../ir/index.js";
import { staticCount } from "../ops/shapes.js";
import { fixedValues, type FixedValues } from "./fixed-values.js";
import type { InspectedWeight } from "./inspection.js";
import type { PreparedModel } from "./prepared-model.js";
import { digestOf, joinedDigest, loaded, weightStatistics } from "./weight-statistics.js";

interface WeightSources {
  readonly prepared: PreparedModel;
  /** The path of the scope of a node of the given model. */
  readonly scopeOf: (node: Node) => string;
  /** Computes the values of a weight that is computed from constants, if possible. */
  readonly compute?: ((name: string) => Promise<Tensor | undefined>) | undefined;
  readonly progress?: (done: number, total: number) => void;
}

export interface FoundWeight {
  readonly weight: InspectedWeight;
  readonly node: Node | undefined;
}

interface Use {
  readonly values: FixedValues;
  readonly name: string;
  readonly node: Node | undefined;
  readonly input: number | null;
}

/** All weights in node order, then unused constants. Decodes one tensor at a time. */
export async function collectWeights(sources: WeightSources): Promise<FoundWeight[]> {
  const ledger = new ConstantLedger();
  const found: FoundWeight[] = [];
  const uses = usesOf(sources.prepared.editors);
  for (const use of uses) {
    sources.progress?.(found.length, uses.length);
    await takeTurn();
    found.push({
      weight: await describe(use, sources, ledger),
      node: use.node && sources.prepared.origin(use.node),
    });
  }
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
  for (const [editor, values] of all)
    for (const tensor of editor.graph.initializers)
      if (!used.has(tensor)) add(values, tensor.name ?? "", editor.consumers(tensor.name ?? "")[0], null);
  return uses;
}

async function describe(
  { values, name, node, input }: Use,
  { prepared, scopeOf, compute }: WeightSources,
  ledger: ConstantLedger,
): Promise<InspectedWeight> {
  const { editor } = values;
  const tensor = editor.producer(name) ? undefined : values.held(name);
  const constants = tensor ? [tensor] : values.constantsOf(name);
  const type = prepared.types.get(editor)?.get(name);
  const shape = tensor?.dims ?? type?.shape;
  const origin = node && prepared.origin(node);
  const value = (tensor && loaded(tensor)) ?? (editor.parent ? undefined : await compute?.(name));
  return {
    name,
    scope: origin ? scopeOf(origin) : "",
    node: origin ? nodeLabel(origin) : null,
    opType: origin ? operatorName(origin) : null,
    input,
    type: (tensor ?? type) ? dataTypeName(tensor?.dataType ?? type?.elementType ?? 0) : "unknown",
    shape: (value?.dims ?? shape)?.map((dim: Dimension) => dim ?? null) ?? null,
    elements:
      staticCount(value?.dims ?? shape) ?? constants.reduce((sum, each) => sum + elementCount(each), 0),
    bytes: constants.reduce((sum, each) => sum + ledger.bytes(each), 0),
    stored: !tensor
      ? "computed"
      : tensor.external
        ? "external"
        : prepared.initializers.has(tensor)
          ? "inline"
          : "node",
    constants: tensor ? [] : constants.map((each) => each.name ?? ""),
    digest: joinedDigest(constants.map((each) => ledger.digest(each, value))),
    statistics: value ? weightStatistics(value) : null,
  };
}

/** Results that are computed once per constant, however many weights use it. */
class ConstantLedger {
  private readonly counted = new Set<unknown>();
  private readonly digests = new Map<unknown, string>();

  /** Stored bytes on the first call, then 0: a function that is called twice holds its constants once. */
  bytes(tensor: Tensor): number {
    const content = contentOf(tensor);
    if (this.counted.has(content)) return 0;
    this.counted.add(content);
    return storedByteLength(tensor);
  }

  /** @param value the same constant with its bytes loaded, if available */
  digest(tensor: Tensor, value: Tensor | undefined): string {
    const content = contentOf(tensor);
    const digest =
      this.digests.get(content) ??
      digestOf(value?.external === tensor.external && value?.raw && tensor.external ? value : tensor);
    this.digests.set(content, digest);
    return digest;
  }
}

function contentOf(tensor: Tensor): unknown {
  return tensor.raw ?? tensor.external ?? tensor.typed ?? tensor;
}
