/** Random chains of nodes that only move values, behind a constant of rank 2. */
import { attribute, DataType, int64Tensor, makeNode, type Node, type Tensor } from "../../src/ir/index.js";
import type { Random } from "../fuzz/random.js";

export interface Moved {
  readonly nodes: Node[];
  readonly constants: Tensor[];
  readonly name: string;
  readonly dims: readonly number[];
}

/**
 * A chain from `name` of [rows, columns], in operator set 17, of up to `most` nodes that each leave all values
 * distinct.
 */
export function randomMovers(random: Random, stem: string, name: string, dims: readonly number[], most = 4): Moved {
  let moved: Moved = { nodes: [], constants: [], name, dims };
  for (let count = random.within(0, most), k = 0; k < count; k++) moved = step(random, `${stem}_${k}`, moved);
  return moved;
}

/** The same chain, brought to [columns, rows] or left at [rows, columns] of the constant, as a product needs it. */
export function moversTo(
  random: Random, stem: string, name: string, [rows, columns]: readonly [number, number], isTransposed: boolean,
): Moved {
  const { int, ints } = attribute;
  let moved: Moved = { nodes: [], constants: [], name, dims: [rows, columns] };
  const add = (opType: string, dims: readonly number[], attributes: Parameters<typeof makeNode>[3] = [],
    constant?: Tensor): void => {
    const output = `${stem}_m${moved.nodes.length}`;
    const node = makeNode(opType, constant ? [moved.name, constant.name!] : [moved.name], [output], attributes);
    moved = { nodes: [...moved.nodes, node], constants: constant ? [...moved.constants, constant] : moved.constants,
      name: output, dims };
  };
  const shape = (values: readonly number[]): Tensor => int64Tensor(`${stem}_c${moved.nodes.length}`, values);
  if (random.chance(0.3)) add("Identity", moved.dims);
  if (random.chance(0.4)) {
    // Through three axes and back.
    if (random.chance(0.5)) add("Unsqueeze", [1, rows, columns], [], shape([0]));
    else add("Reshape", [1, rows, columns], [], shape([1, rows, -1]));
    if (isTransposed) add("Transpose", [1, columns, rows], [ints("perm", [0, 2, 1])]);
    const [, a = 1, b = 1] = moved.dims;
    const back = random.below(3);
    if (back === 0) add("Squeeze", [a, b], [], shape([0]));
    else if (back === 1) add("Reshape", [a, b], [], shape([a, -1]));
    else add("Flatten", [a, b], [int("axis", 2)]);
  } else if (isTransposed) add("Transpose", [columns, rows], random.chance(0.5) ? [ints("perm", [1, 0])] : []);
  if (random.chance(0.2)) add("Cast", moved.dims, [int("to", DataType.FLOAT)]);
  return moved;
}

function step(random: Random, stem: string, { nodes, constants, name, dims }: Moved): Moved {
  const output = `${stem}_v`;
  const done = (node: Node, to: readonly number[], constant?: Tensor): Moved =>
    ({ nodes: [...nodes, node], constants: constant ? [...constants, constant] : constants, name: output, dims: to });
  switch (random.below(5)) {
    case 0: {
      const perm = random.shuffled([...dims.keys()]);
      return done(makeNode("Transpose", [name], [output], [attribute.ints("perm", perm)]),
        perm.map((axis) => dims[axis]!));
    }
    case 1: {
      const axis = random.within(0, dims.length);
      return done(makeNode("Unsqueeze", [name, `${stem}_c`], [output]),
        [...dims.slice(0, axis), 1, ...dims.slice(axis)], int64Tensor(`${stem}_c`, [axis]));
    }
    case 2: return done(makeNode("Squeeze", [name], [output]), dims.filter((dim) => dim !== 1));
    case 3: {
      const to = regrouped(random, dims);
      return done(makeNode("Reshape", [name, `${stem}_c`], [output]), to, int64Tensor(`${stem}_c`, to));
    }
    default: {
      const axis = random.within(0, dims.length);
      const size = (part: readonly number[]): number => part.reduce((product, dim) => product * dim, 1);
      return done(makeNode("Flatten", [name], [output], [attribute.int("axis", axis)]),
        [size(dims.slice(0, axis)), size(dims.slice(axis))]);
    }
  }
}

/** Other axes of as many values: factors dealt out anew. */
function regrouped(random: Random, dims: readonly number[]): number[] {
  const factors = dims.flatMap((dim) => (dim % 2 === 0 && random.chance(0.5) ? [2, dim / 2] : [dim]));
  const to: number[] = [];
  for (const factor of factors) {
    if (to.length > 0 && random.chance(0.4)) to[to.length - 1]! *= factor;
    else to.push(factor);
  }
  return to;
}
