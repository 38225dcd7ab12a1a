/** The names that something in a model bears, and new ones beside them. */
export class UniqueNames {
  private readonly taken = new Set<string>();
  /** The number to try first for each stem: names are never given back, so lower ones stay taken. */
  private readonly next = new Map<string, number>();

  add(name: string): void {
    this.taken.add(name);
  }

  /** `stem`, or the first of `stem_1`, `stem_2`, … that is free; taken from now on. */
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
