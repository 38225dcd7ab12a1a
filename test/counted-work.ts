/**
 * Counts what code does with lists and sets: elements that are looked at, copied or handed out. Unlike a time, the
 * count is the same on every machine, and it shows a walk of a whole list for each of its elements by its growth.
 */
interface Method {
  readonly owner: object;
  readonly name: string | symbol;
  readonly count: (self: { length?: number; size?: number }, result: unknown) => number;
}

const whole: Method["count"] = ({ length, size }) => length ?? size ?? 0;
/** Up to the element that was found. */
const searched: Method["count"] = (self, found) =>
  typeof found === "number" && found >= 0 ? found + 1 : whole(self, found);

const METHODS: readonly Method[] = [
  ...["filter", "map", "flatMap", "forEach", "reduce", "slice", "concat", "join", "flat", Symbol.iterator].map(
    (name) => ({ owner: Array.prototype, name, count: whole }),
  ),
  ...["indexOf", "findIndex"].map((name) => ({ owner: Array.prototype, name, count: searched })),
  ...["values", Symbol.iterator, "forEach"].map((name) => ({ owner: Set.prototype, name, count: whole })),
  ...["values", "keys", "entries", Symbol.iterator, "forEach"].map((name) => ({
    owner: Map.prototype,
    name,
    count: whole,
  })),
];

/** Those that stop early count the elements that their callback sees. */
const CALLING = ["find", "some", "every"] as const;

type Callback = (...given: unknown[]) => unknown;

export async function countedWork(work: () => unknown): Promise<number> {
  let count = 0;
  const restore: (() => void)[] = [];
  const patch = (owner: object, name: string | symbol, wrap: (original: Callback) => Callback): void => {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name)!;
    Object.defineProperty(owner, name, { ...descriptor, value: wrap(descriptor.value as Callback) });
    restore.push(() => void Object.defineProperty(owner, name, descriptor));
  };
  for (const { owner, name, count: counted } of METHODS) {
    patch(
      owner,
      name,
      (original) =>
        function (this: { length?: number }, ...given) {
          const result = original.apply(this, given);
          count += counted(this, result);
          return result;
        },
    );
  }
  for (const name of CALLING) {
    patch(
      Array.prototype,
      name,
      (original) =>
        function (this: unknown[], callback, ...given) {
          return original.call(
            this,
            (...seen: unknown[]) => {
              count++;
              return (callback as Callback)(...seen);
            },
            ...given,
          );
        },
    );
  }
  // `includes` says where nothing was found, and not where something was.
  patch(
    Array.prototype,
    "includes",
    (original) =>
      function (this: unknown[], ...given) {
        const found = original.apply(this, given);
        count += found === true ? 1 : this.length;
        return found;
      },
  );
  try {
    await work();
  } finally {
    for (const undo of restore.reverse()) undo();
  }
  return count;
}
