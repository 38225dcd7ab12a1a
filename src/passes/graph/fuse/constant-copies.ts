/**
 * What fusions write in place of constants. A constant that several nodes read stays in the file when one of them gets
 * new values of its own, so a fusion of each would store it once for every reader. The ledger knows which new constant
 * came of which old one, and which old ones must not be touched; fold-budget.ts decides that.
 */
import { storedByteLength, tensorPieces, type GraphEditor, type Tensor } from "../../../ir/index.js";

export class CopyLedger {
  /** The constants of the file that each new one was made from. */
  private readonly origins = new Map<Tensor, readonly Tensor[]>();

  /** @param fixed constants of the file that no new ones may be made from */
  constructor(private readonly fixed: ReadonlySet<Tensor> = new Set()) {}

  record(made: Tensor, from: readonly Tensor[]): void {
    this.origins.set(made, [...new Set(from.flatMap((tensor) => this.originsOf(tensor)))]);
  }

  /** The constants of the file that the tensor came of; itself where it is one of them. */
  originsOf(tensor: Tensor): readonly Tensor[] {
    return this.origins.get(tensor) ?? [tensor];
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
  private readonly bySource = new Map<string, string[]>();

  constructor(private readonly editor: GraphEditor) {}

  /** The name of a constant that was made of the same one and is equal, if there is one. */
  find(source: string, tensor: Tensor): string | undefined {
    return this.bySource.get(source)?.find((name) => {
      const other = this.editor.constant(name);
      return other !== undefined && areEqual(other, tensor);
    });
  }

  add(source: string, name: string): void {
    const names = this.bySource.get(source);
    if (names) names.push(name);
    else this.bySource.set(source, [name]);
  }
}

function areEqual(a: Tensor, b: Tensor): boolean {
  if (a.dataType !== b.dataType || a.dims.join() !== b.dims.join() || storedByteLength(a) !== storedByteLength(b)) return false;
  const others = tensorPieces(b);
  for (const piece of tensorPieces(a)) {
    const other = others.next();
    if (other.done === true || Buffer.compare(piece, other.value) !== 0) return false;
  }
  return true;
}
