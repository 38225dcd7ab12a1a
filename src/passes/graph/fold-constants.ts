/**
 * Computes values that depend only on constants, with the runtime's own kernels, and stores the results if that
 * does not make the file larger.
 *
 * Before: w → Transpose → MatMul. After: initializer → MatMul. The bytes of stored results are weighed against
 * those of the nodes and constants that are removed; constants with other readers stay. So weights that a file
 * holds as codes, in half precision or as a lookup table keep that form, and large values that are cheap to
 * compute (a mask, a matrix of cosines) stay computations. Nodes that share a constant are considered together:
 * three slices of a weight free it only if all are folded. A value may cost up to 1 KB more if other folds have
 * saved that much in the same model, because later patterns match on constants; `maxGrowthBytes` adds to that
 * for the whole model. If a node is not worth folding, the nodes that it depends on are tried. unpack-weights
 * serves passes that need the values. For operators that are never folded, see foldable.ts. Graph outputs keep
 * their node.
 */
import type { Diagnostic } from "../../diagnostics.js";
import { EdgecError } from "../../errors.js";
import { byteSize, DataType, GraphEditor, type Model, type Node } from "../../ir/index.js";
import { staticCount } from "../../ops/shapes.js";
import type { ConstantEvaluator } from "../contract.js";
import { definePass } from "../define-pass.js";
import { nodeWireSize, writtenTensorSize } from "../encode/wire-size.js";
import { CallBodies } from "./call-bodies.js";
import { ConstantRegions, type FoldTotals, type Values } from "./constant-regions.js";

export interface FoldConstantsOptions {
  /** Bytes by which all stored values together may exceed the constants and nodes that they replace. */
  maxGrowthBytes: number;
}

/** Most elements of one value, and of all values together, during their computation. */
const MAX_ELEMENTS = 2 ** 20;
const MAX_TOTAL = 2 ** 26;
/** Bytes that one value may cost if others have saved as much. */
const MAX_PAID = 1024;

export const foldConstants = definePass<FoldConstantsOptions>({
  name: "fold-constants",
  description: "Compute values that depend only on constants",
  lossy: false,
  defaults: { maxGrowthBytes: 0 },
  validate({ maxGrowthBytes }) {
    if (!(maxGrowthBytes >= 0))
      throw new EdgecError(
        "BAD_OPTION",
        `maxGrowthBytes of fold-constants is ${maxGrowthBytes}; it must be 0 or more bytes`,
      );
  },
  async run(model, { maxGrowthBytes }, { evaluator }) {
    const totals: FoldTotals = { nodesFolded: 0, bytesAdded: 0, bytesRemoved: 0 };
    const folding = new Folding(model, maxGrowthBytes, totals);
    const editors = GraphEditor.forModel(model);
    if (!evaluator)
      return {
        modified: false,
        stats: { ...totals },
        nodes: [],
        diagnostics: editors.some((editor) => folding.hasWork(editor)) ? [NO_EVALUATOR] : [],
      };
    for (const editor of editors) await folding.foldGraph(editor, evaluator);
    return { modified: totals.nodesFolded > 0, stats: { ...totals }, nodes: [], diagnostics: [] };
  },
});

const NO_EVALUATOR: Diagnostic = {
  id: "fold-constants/no-runtime",
  severity: "info",
  message:
    "some values depend only on constants, but there is no onnxruntime to compute them; they were left unchanged",
};

class Folding {
  private readonly calls: CallBodies;

  constructor(
    private readonly model: Model,
    private readonly granted: number,
    private readonly totals: FoldTotals,
  ) {
    this.calls = new CallBodies(model);
  }

  hasWork(editor: GraphEditor): boolean {
    return this.regions(editor, new Set()).frontier().length > 0;
  }

  /** Every round stores some values or rejects some nodes, so this ends. */
  async foldGraph(editor: GraphEditor, evaluator: ConstantEvaluator): Promise<void> {
    const rejected = new Set<Node>();
    for (;;) {
      const regions = this.regions(editor, rejected);
      const parts = regions.parts(regions.frontier());
      if (parts.length === 0) return;
      const worthTrying = parts.flatMap(({ ends, nodes }) => this.withoutHopeless(ends, nodes, regions));
      // A value read only by nodes that stay brings no other gain, so it must not cost anything.
      const isRead = (node: Node): boolean =>
        node.outputs.some((name) => editor.consumers(name).some((user) => !rejected.has(user)));
      const useful = new Set(worthTrying.filter(isRead));
      for (const node of parts.flatMap(({ ends }) => ends)) rejected.add(node);
      const values =
        worthTrying.length === 0 ? (new Map() as Values) : await regions.evaluate(worthTrying, evaluator);
      const computed = new Set(
        worthTrying.filter((node) => regions.usedOutputs(node).every((name) => values.has(name))),
      );
      // Folds that save bytes come first; the others spend those savings.
      const accepted = new Set(
        parts.flatMap(({ ends }) =>
          this.paying(
            ends.filter((node) => computed.has(node)),
            regions,
            values,
          ),
        ),
      );
      for (const node of computed)
        if (!accepted.has(node) && useful.has(node) && this.takes(regions.growth([node], values)))
          accepted.add(node);
      if (accepted.size > 0) regions.store([...accepted], values, this.totals);
    }
  }

  private regions(editor: GraphEditor, rejected: ReadonlySet<Node>): ConstantRegions {
    const maxElements = Math.max(MAX_ELEMENTS, this.granted);
    return new ConstantRegions(this.model, editor, {
      rejected,
      maxElements,
      maxTotal: Math.max(MAX_TOTAL, maxElements),
      calls: this.calls,
    });
  }

  /** Leaves out nodes whose result is larger than anything it could replace: they need not be computed. */
  private withoutHopeless(ends: readonly Node[], nodes: readonly Node[], regions: ConstantRegions): Node[] {
    let most = this.granted + MAX_PAID;
    for (const node of nodes) most += nodeWireSize(node);
    for (const tensor of regions.constantsOf(nodes).values()) most += writtenTensorSize(tensor);
    return ends.filter(
      ({ outputs }) => outputs.reduce((sum, name) => sum + knownBytes(regions.types.get(name)), 0) <= most,
    );
  }

  /** Either all nodes together or those that save on their own, whichever saves more. */
  private paying(nodes: readonly Node[], regions: ConstantRegions, values: Values): readonly Node[] {
    if (nodes.length === 0) return [];
    const alone = nodes.filter((node) => regions.growth([node], values) <= 0);
    const growth = alone.length === 0 ? 0 : regions.growth(alone, values);
    const together = alone.length === nodes.length ? growth : regions.growth(nodes, values);
    const isBetter = together <= 0 && together <= growth;
    this.spend(isBetter ? together : growth);
    return isBetter ? nodes : alone;
  }

  /** Whether the budget covers the growth; if so, spends it. */
  private takes(growth: number): boolean {
    const isCovered =
      growth <= Math.max(MAX_PAID, this.granted) && growth <= (this.model.foldBalance ?? 0) + this.granted;
    if (isCovered) this.spend(growth);
    return isCovered;
  }

  /** Stored with the model, because the limit applies to all rounds of a run together. */
  private spend(growth: number): void {
    this.model.foldBalance = (this.model.foldBalance ?? 0) - growth;
  }
}

function knownBytes(
  type: { readonly elementType: DataType; readonly shape?: readonly unknown[] } | undefined,
): number {
  const count = staticCount(type?.shape as Parameters<typeof staticCount>[0]);
  return type === undefined || count === undefined ? 0 : (byteSize(type.elementType, count) ?? 0);
}
