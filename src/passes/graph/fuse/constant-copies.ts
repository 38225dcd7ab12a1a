/**
 * Records the constants that fusions derive from others. A constant that several nodes read stays in the file
 * when one of them gets its own new values, so fusing each reader would store a copy for each. The ledger knows
 * which new constant derives from which old one, and which old ones must not be changed; fold-budget.ts decides
 * that.
 */
import { storedByteLength, type GraphEditor, type Tensor } from "../../../ir/index.js";
import { hashOfStart, haveEqualBytes } from "../equal-bytes.js";

export class CopyLedger {
  /** The shared constants that each new constant derives from. */
  private readonly origins = new Map<Tensor, readonly Tensor[]>();

  /**
   * @param shared constants that several nodes read; others need not be tracked
   * @param fixed those of them that nothing may be derived from
   */
  constructor(
    private readonly shared: { has(tensor: Tensor): boolean } = new Set(),
    private readonly fixed: { has(tensor: Tensor): boolean; readonly size: number } = new Set(),
  ) {}

  record(made: Tensor, from: readonly Tensor[]): void {
    this.origins.set(made, [...new Set(from.flatMap((tensor) => this.originsOf(tensor)))]);
  }

  /** The shared constants that the tensor derives from, including itself. */
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

/** New constants of one graph, so that equal ones are stored once. */
export class NewConstants {
  private readonly names = new Map<string, string>();

  constructor(private readonly editor: GraphEditor) {}

  /** The name of an equal constant derived from the same one, if there is one. */
  find(source: string, tensor: Tensor): string | undefined {
    const name = this.names.get(keyOf(source, tensor));
    const other = name === undefined ? undefined : this.editor.constant(name);
    return other && haveEqualBytes(other, tensor) ? name : undefined;
  }

  /**
   * Of constants with the same beginning, the newest is kept: layers that share a constant produce equal ones
   * in succession.
   */
  add(source: string, tensor: Tensor, name: string): void {
    this.names.set(keyOf(source, tensor), name);
  }
}

function keyOf(source: string, tensor: Tensor): string {
  return JSON.stringify([
    source,
    tensor.dataType,
    tensor.dims,
    storedByteLength(tensor),
    hashOfStart(tensor),
  ]);
}
