/**
 * A decoding chain under construction: nodes and constants with their exact size in the file. Values of constants
 * are made only when a draft is chosen, so that dozens can be compared for every tensor.
 */
import { DataType, int64Tensor, integerTensor, makeNode } from "../../ir/index.js";
import type { Attribute, Node, Tensor } from "../../ir/index.js";
import { nodeWireSize, tensorWireSize } from "./wire-size.js";
import type { TensorShape } from "./wire-size.js";

interface PendingConstant extends TensorShape {
  readonly name: string;
  readonly values: () => Uint8Array;
}

/** Names and small constants that the drafts of one graph have in common. */
export interface DraftScope {
  /** The k-th free name of the model. */
  nameAt(index: number): string;
  readonly firstFree: number;
  /** Small constants that earlier chains of this graph brought, by content. */
  readonly shared: ReadonlyMap<string, string>;
}

export class Draft {
  /** In words for a person: "16 values, 4 bits each". */
  readonly form: string;
  /** The family that statistics count by. */
  readonly kind: string;
  readonly nodes: Node[] = [];
  readonly newShared = new Map<string, string>();
  private readonly scope: DraftScope;
  private readonly constants: PendingConstant[] = [];
  private used = 0;

  constructor(scope: DraftScope, kind: string, form: string) {
    this.scope = scope;
    this.kind = kind;
    this.form = form;
  }

  /** Names this draft would take. */
  get namesUsed(): number {
    return this.used;
  }

  /** A constant of this chain's own. */
  constant(dataType: DataType, dims: readonly number[], values: () => Uint8Array): string {
    const name = this.newName();
    this.constants.push({ name, dims: [...dims], dataType, values });
    return name;
  }

  /** An int32 constant that chains share. */
  int32(values: readonly number[], dims: readonly number[] = []): string {
    return this.share(`i32 ${dims.join()}: ${values.join()}`, integerTensor("", dims, DataType.INT32, Int32Array.from(values)));
  }

  /** A vector of int64 that chains share: shapes, starts, ends. */
  int64(values: readonly number[]): string {
    return this.share(`i64 ${values.join()}`, int64Tensor("", values));
  }

  op(opType: string, inputs: readonly string[], attributes: readonly Attribute[] = []): string {
    const output = this.newName();
    this.nodes.push(makeNode(opType, inputs, [output], attributes));
    return output;
  }

  /** Ends the chain: its last node makes `target`. */
  finish(target: string): this {
    const last = this.nodes.at(-1);
    if (last) last.outputs = [target];
    return this;
  }

  /** Bytes that nodes and constants add to the file. */
  get bytes(): number {
    return this.nodes.reduce((sum, node) => sum + nodeWireSize(node), 0) + this.constants.reduce((sum, c) => sum + tensorWireSize(c), 0);
  }

  /** The constants with their values. */
  tensors(): Tensor[] {
    return this.constants.map(({ values, ...shape }) => ({ ...shape, dims: [...shape.dims], raw: values() }));
  }

  private share(key: string, tensor: Tensor): string {
    const known = this.scope.shared.get(key) ?? this.newShared.get(key);
    if (known !== undefined) return known;
    const name = this.constant(tensor.dataType, tensor.dims, () => tensor.raw ?? new Uint8Array());
    this.newShared.set(key, name);
    return name;
  }

  private newName(): string {
    return this.scope.nameAt(this.scope.firstFree + this.used++);
  }
}
