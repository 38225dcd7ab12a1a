/**
 * Infers facts about every value of a model without running it: types, sizes as numbers or symbols, and the
 * elements of short integer tensors that are computed from shapes. Needs no declared shapes except those of the
 * inputs.
 *
 * Equal symbols are equal sizes. Symbols of graph inputs are trusted. Declarations of intermediate values are
 * used only for numbers that inference lacks, and those of outputs not at all, because exporters get them
 * wrong.
 */
import {
  GraphEditor,
  ownNames,
  subgraphsOf,
  type Dimension,
  type Graph,
  type Node,
  type Tensor,
  type TensorType,
  type ValueInfo,
} from "../ir/index.js";
import { bodyOutputs } from "./body-types.js";
import { inferValue } from "./partial-values.js";
import { inferCall } from "./shape-rules.js";
import { shortValue, type Call, type Known, type PartialValue } from "./shape-rules/call.js";
import { MADE_PREFIX, Sizes } from "./sizes.js";

/** The facts of one graph; lookups include the enclosing graphs. */
export class GraphFacts {
  readonly types = new Map<string, TensorType>();
  readonly values = new Map<string, PartialValue>();

  /** @param own names of the graph's own values, which shadow values of the enclosing graphs */
  constructor(
    private readonly parent: GraphFacts | undefined,
    private readonly own: ReadonlySet<string> = new Set(),
  ) {}

  type(name: string): TensorType | undefined {
    return this.types.get(name) ?? (this.own.has(name) ? undefined : this.parent?.type(name));
  }

  shape(name: string): readonly Dimension[] | undefined {
    return this.type(name)?.shape;
  }

  /** Elements of a short integer tensor of rank 0 or 1. */
  value(name: string): PartialValue | undefined {
    return this.values.get(name) ?? (this.own.has(name) ? undefined : this.parent?.value(name));
  }
}

/** Facts for each editor, outermost first (`GraphEditor.forModel`). */
export function analyzeShapes(editors: readonly GraphEditor[]): ReadonlyMap<GraphEditor, GraphFacts> {
  const analysis = new Analysis(new Map(editors.map((editor) => [editor.graph, editor])));
  const [main] = editors;
  if (main) analysis.visit(main, undefined);
  return analysis.facts;
}

/** Counts visits of nodes while types in loops have not converged. */
const LOOKS_PER_NODE = 16;

class Analysis {
  readonly facts = new Map<GraphEditor, GraphFacts>();
  private readonly sizes = new Sizes();
  /** Remaining visits before bodies are analysed only once. */
  private budget: number;

  constructor(private readonly editors: ReadonlyMap<Graph, GraphEditor>) {
    this.budget = LOOKS_PER_NODE * [...editors.keys()].reduce((sum, { nodes }) => sum + nodes.length, 0);
  }

  /** @param given what the node that holds a body implies about the body's inputs */
  visit(editor: GraphEditor, outer: GraphFacts | undefined, given: readonly Known[] = []): GraphFacts {
    const { graph } = editor;
    const facts = new GraphFacts(outer, outer ? ownNames(graph) : new Set());
    this.facts.set(editor, facts);
    this.budget -= graph.nodes.length;
    for (const tensor of graph.initializers)
      facts.types.set(tensor.name ?? "", { elementType: tensor.dataType, shape: [...tensor.dims] });
    for (const [k, input] of graph.inputs.entries()) {
      if (outer) this.declareBodyInput(input, given[k], facts);
      else this.declareInput(input, facts);
    }
    const declared = new Map(graph.valueInfo.map((value) => [value.name, value.type?.tensor]));
    for (const node of graph.nodes) this.visitNode(node, editor, facts, declared);
    return facts;
  }

  private declareInput({ name, type }: ValueInfo, facts: GraphFacts): void {
    if (!type?.tensor) return void facts.types.delete(name);
    const { elementType, shape } = type.tensor;
    const known = shape?.map((dim) =>
      typeof dim === "string" && (dim === "" || dim.startsWith(MADE_PREFIX)) ? undefined : dim,
    );
    facts.types.set(name, this.complete({ elementType, ...(known ? { shape: known } : {}) }));
  }

  /** Only element types declared in a body are trusted: sizes may change between iterations. */
  private declareBodyInput({ name, type }: ValueInfo, given: Known, facts: GraphFacts): void {
    const known = given ?? (type?.tensor && { elementType: type.tensor.elementType });
    if (known) facts.types.set(name, this.complete(known));
    else facts.types.delete(name);
  }

  private visitNode(
    node: Node,
    editor: GraphEditor,
    facts: GraphFacts,
    declared: ReadonlyMap<string, Known>,
  ): void {
    const constant = (index: number): Tensor | undefined => editor.constant(node.inputs[index] ?? "");
    const call: Call = {
      node,
      constant,
      sizes: this.sizes,
      inputs: node.inputs.map((name) => facts.type(name)),
      value: (index) => facts.value(node.inputs[index] ?? "") ?? shortVector(constant(index)),
    };
    const outputs = subgraphsOf(node).length > 0 ? this.visitBodies(call, facts) : inferCall(call);
    node.outputs.forEach((name, k) => {
      const type = withDeclared(outputs[k], declared.get(name));
      if (name !== "" && type) facts.types.set(name, this.complete(type));
    });
    const [name = ""] = node.outputs;
    const value = name === "" ? undefined : inferValue(call, facts.types.get(name));
    if (value) facts.values.set(name, value);
  }

  private visitBodies(call: Call, facts: GraphFacts): readonly Known[] {
    return bodyOutputs(call, {
      look: (body, given) => {
        const editor = this.editors.get(body);
        const inner = editor && this.visit(editor, facts, given);
        return body.outputs.map(({ name }) => inner?.type(name));
      },
      mayLookAgain: () => this.budget > 0,
    });
  }

  /** Unknown sizes get a symbol, because each is one definite size. */
  private complete(type: TensorType): TensorType {
    return type.shape
      ? { elementType: type.elementType, shape: type.shape.map((dim) => dim ?? this.sizes.fresh()) }
      : type;
  }
}

/** Only vectors and scalars are read as values. */
function shortVector(tensor: Tensor | undefined): PartialValue | undefined {
  return tensor && tensor.dims.length <= 1 ? shortValue(tensor) : undefined;
}

function withDeclared(inferred: Known, declared: Known): Known {
  if (!declared?.shape) return inferred ?? (declared && { elementType: declared.elementType });
  const numbers = declared.shape.map((dim) => (typeof dim === "number" ? dim : undefined));
  if (!inferred?.shape) return { elementType: inferred?.elementType ?? declared.elementType, shape: numbers };
  if (inferred.shape.length !== numbers.length) return inferred;
  return {
    elementType: inferred.elementType,
    shape: inferred.shape.map((dim, k) => (typeof dim === "number" ? dim : (numbers[k] ?? dim))),
  };
}
