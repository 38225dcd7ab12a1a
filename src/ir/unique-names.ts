/** The names used in a model, and generation of new ones. */
export class UniqueNames {
  private readonly taken = new Set<string>();
  /** The number to try first for each stem; names are never released, so lower ones stay in use. */
  private readonly next = new Map<string, number>();

  add(name: string): void {
    this.taken.add(name);
  }

  /** `stem`, or the first unused name of `stem_1`, `stem_2`, …; reserves it. */
  make(stem: string): string {
    let name = stem;
    let k = this.next.get(stem) ?? 0;
    if (k > 0) name = `${stem}_${k}`;
    for (; this.taken.has(name); name = `${stem}_${k}`) k++;
    this.next.set(stem, k);
    this.taken.add(name);
    return name;
  }
}
