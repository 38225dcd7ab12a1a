/**
 * A decoding chain under construction: nodes and constants with their size in the file. Values and names of
 * constants are made only when a draft is chosen, so that hundreds can be compared; until then, placeholders
 * have the length that most names will have.
 */
import { contentKey, DataType, integerTensor, storedByteLength } from "../../ir/index.js";
import type { Attribute, Node, Tensor } from "../../ir/index.js";
import { chainCost } from "./decode-cost.js";
import type { FreeNames } from "./free-names.js";
import { int32Constant, int64Constant, powersColumn, type IntegerConstant } from "./interned-integers.js";
import { nodeWireSize, tensorWireSize } from "./wire-size.js";

interface PendingConstant {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: DataType;
  /** Its bytes may lie on the disk, where it existed already. */
  readonly tensor: () => Tensor;
  /** Content of a small constant that chains of one graph share. */
  readonly sharedKey?: string;
}

/** Constants of this many bytes are compared with those of other chains, which may be equal. */
const SHARED_FROM = 256;

/** Made once, as every draft needs them. */
const PLACEHOLDERS: string[] = [];

export class Draft {
  /** The family under which statistics count it. */
  readonly kind: string;
  /** A description for reports: "16 values, 4 bits each". */
  readonly form: string;
  readonly nodes: Node[] = [];
  private readonly constants: PendingConstant[] = [];
  private placeholders = 0;

  constructor(kind: string, form: string) {
    this.kind = kind;
    this.form = form;
  }

  /** A constant of this chain's own. */
  constant(dataType: DataType, dims: readonly number[], values: () => Uint8Array): string {
    const name = this.placeholder();
    const tensor = (): Tensor => ({ dims: [...dims], dataType, raw: values() });
    this.constants.push({ name, dims, dataType, tensor });
    return name;
  }

  /** An int32 constant that chains share. */
  int32(values: readonly number[], dims: readonly number[] = []): string {
    return this.share(int32Constant(values, dims));
  }

  /** A column of int32 that chains share: 1, radix, radix², … */
  powers(radix: number, count: number): string {
    return this.share(powersColumn(radix, count));
  }

  /** A uint8 constant that chains share. */
  uint8(values: readonly number[], dims: readonly number[] = []): string {
    return this.share({
      key: `u8 ${dims.join()}: ${values.join()}`,
      dims,
      dataType: DataType.UINT8,
      tensor: () => integerTensor("", dims, DataType.UINT8, Uint8Array.from(values)),
    });
  }

  /** A vector of int64 that chains share: shapes, starts, ends. */
  int64(values: readonly number[]): string {
    return this.share(int64Constant(values));
  }

  /** A constant that the model already had, which chains share if they hold the same. */
  existing(tensor: Tensor): string {
    const { dims, dataType } = tensor;
    return this.share({ key: contentKey(tensor), dims, dataType, tensor: () => tensor });
  }

  op(opType: string, inputs: readonly string[], attributes: readonly Attribute[] = []): string {
    const output = this.placeholder();
    this.nodes.push({ opType, inputs: [...inputs], outputs: [output], attributes: [...attributes] });
    return output;
  }

  /** What the chain makes so far. */
  get last(): string {
    return this.nodes.at(-1)?.outputs[0] ?? "";
  }

  /** Ends the chain: its last node makes `target`. */
  finish(target: string): this {
    const last = this.nodes.at(-1);
    if (last) last.outputs = [target];
    return this;
  }

  /** Element types of the constants, shared ones included. */
  get constantTypes(): DataType[] {
    return this.constants.map(({ dataType }) => dataType);
  }

  /** Bytes of the chain's own constants. */
  get ownBytes(): number {
    return this.constants.reduce(
      (sum, constant) => sum + (constant.sharedKey === undefined ? tensorWireSize(constant) : 0),
      0,
    );
  }

  /** Bytes of the constants that it shares, by content. */
  get sharedBytes(): [key: string, bytes: number][] {
    const shared: [key: string, bytes: number][] = [];
    for (const constant of this.constants)
      if (constant.sharedKey !== undefined) shared.push([constant.sharedKey, tensorWireSize(constant)]);
    return shared;
  }

  /** Bytes of the nodes, written out. */
  get nodeBytes(): number {
    return this.nodes.reduce((sum, node) => sum + nodeWireSize(node), 0);
  }

  /** Bytes that onnxruntime holds besides the constant itself while it loads the model. */
  get heldBytes(): number {
    const constants = new Map(this.constants.map((constant) => [constant.name, constant]));
    return chainCost(this.nodes, (name) => constants.get(name))?.held ?? 0;
  }

  /** Bytes when nothing is shared. */
  get bytes(): number {
    return this.ownBytes + this.nodeBytes + this.sharedBytes.reduce((sum, [, bytes]) => sum + bytes, 0);
  }

  /**
   * The chain with names of the model. `shared` holds the constants that earlier chains of the graph added.
   */
  build(names: FreeNames, shared: Map<string, string>): { nodes: Node[]; constants: Tensor[] } {
    const given = new Map<string, string>();
    const constants: Tensor[] = [];
    for (const { name, tensor, sharedKey } of this.constants) {
      const made = tensor();
      const key = sharedKey ?? (storedByteLength(made) >= SHARED_FROM ? contentKey(made) : undefined);
      const known = key === undefined ? undefined : shared.get(key);
      const taken = known ?? names.next();
      given.set(name, taken);
      if (known !== undefined) continue;
      constants.push({ ...made, name: taken });
      if (key !== undefined) shared.set(key, taken);
    }
    for (const node of this.nodes.slice(0, -1)) given.set(node.outputs[0] ?? "", names.next());
    const rename = (name: string): string => given.get(name) ?? name;
    return {
      nodes: this.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map(rename),
        outputs: node.outputs.map(rename),
      })),
      constants,
    };
  }

  private share({ key: sharedKey, dims, dataType, tensor }: IntegerConstant): string {
    for (const constant of this.constants) if (constant.sharedKey === sharedKey) return constant.name;
    const name = this.placeholder();
    this.constants.push({ name, dims, dataType, tensor, sharedKey });
    return name;
  }

  /** Two characters, one of which no name given by `FreeNames` has. */
  private placeholder(): string {
    const at = this.placeholders++;
    return (PLACEHOLDERS[at] ??= `?${at.toString(36)}`);
  }
}
