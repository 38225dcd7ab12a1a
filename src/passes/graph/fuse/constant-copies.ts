/**
 * What fusions write in place of constants. A constant that several nodes read stays in the file when one of them gets
 * new values of its own, so a fusion of each would store it once for every reader. The ledger knows which new constant
 * came of which old one, and which old ones must not be touched; fold-budget.ts decides that.
 */
import { storedByteLength, type GraphEditor, type Tensor } from "../../../ir/index.js";
import { hashOfStart, haveEqualBytes } from "../equal-bytes.js";

export class CopyLedger {
  /** The shared constants that each new one was made from. */
  private readonly origins = new Map<Tensor, readonly Tensor[]>();

  /**
   * @param shared constants that several nodes read: of others it need not be known what came of them
   * @param fixed those of them that no new ones may be made from
   */
  constructor(
    private readonly shared: { has(tensor: Tensor): boolean } = new Set(),
    private readonly fixed: { has(tensor: Tensor): boolean; readonly size: number } = new Set(),
  ) {}

  record(made: Tensor, from: readonly Tensor[]): void {
    this.origins.set(made, [...new Set(from.flatMap((tensor) => this.originsOf(tensor)))]);
  }

  /** The shared constants that the tensor came of, itself among them. */
  originsOf(tensor: Tensor): readonly Tensor[] {
    return this.origins.get(tensor) ?? (this.shared.has(tensor) ? [tensor] : []);
  }

  isNew(tensor: Tensor): boolean {
    return this.origins.has(tensor);
  }

  isFixed(tensor: Tensor): boolean {
    return this.fixed.size > 0 && this.originsOf(tensor).some((origin) => this.fixed.has(origin));
  }
}

/** New constants of one graph, so that those which come out equal are stored once. */
export class NewConstants {
  private readonly names = new Map<string, string>();

  constructor(private readonly editor: GraphEditor) {}

  /** The name of a constant that was made of the same one and is equal, if there is one. */
  find(source: string, tensor: Tensor): string | undefined {
    const name = this.names.get(keyOf(source, tensor));
    const other = name === undefined ? undefined : this.editor.constant(name);
    return other && haveEqualBytes(other, tensor) ? name : undefined;
  }

  /**
   * Of those that begin alike the newest is kept: equal ones come one after the other, where layers share a constant.
   */
  add(source: string, tensor: Tensor, name: string): void {
    this.names.set(keyOf(source, tensor), name);
  }
}

function keyOf(source: string, tensor: Tensor): string {
  return JSON.stringify([source, tensor.dataType, tensor.dims, storedByteLength(tensor), hashOfStart(tensor)]);
}
