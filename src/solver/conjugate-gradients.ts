/**
 * Preconditioned conjugate gradients on each row of many, which share H but have supports of their own: all
 * take each step together, so that it is one product with H. What a row needs beside products is done in one
 * go over it, while it is in the cache; and without branches on `alive`, which no processor can foretell.
 */
import { dot, type Matrix, matrixOf } from "./matrix.js";
import type { Preconditioner } from "./preconditioner.js";
import type { System } from "./system.js";

const MAX_STEPS = 12;
export interface Descent {
  /** e [rows, columns]: the weights wanted, less those at hand. */
  readonly errors: Float32Array;
  /** 1 where a weight may change. */
  readonly alive: Uint8Array;
  readonly columns: number;
  /** The share of the loss of all rows that a step must recover for another step to follow. */
  readonly leastGain: number;
}

/** What to add to the weights at hand to come near the least (e - change)ᵀ H (e - change) of each row. */
export async function descend(
  preconditioner: Preconditioner,
  h: System,
  { errors, alive, columns, leastGain }: Descent,
): Promise<Float32Array> {
  const rows = alive.length / columns;
  const slab = (data: Float32Array): Matrix<Float32Array> => matrixOf(rows, columns, data);
  const residual = await h.times(slab(errors));
  let loss = dot(residual, errors);
  const state: State = {
    alive,
    columns,
    residual,
    direction: new Float32Array(alive.length),
    change: new Float32Array(alive.length),
    products: new Float64Array(rows),
  };
  clear(residual, alive);
  const correct = await preconditioner.on(slab(new Float32Array(alive)));
  for (let step = 0; step < MAX_STEPS && loss > 0; step++) {
    turn(state, preconditioner.inverse, await correct(slab(residual)));
    const gained = move(state, await h.times(slab(state.direction)));
    loss -= gained;
    if (!(gained > leastGain * loss)) break;
  }
  return state.change;
}

interface State {
  readonly alive: Uint8Array;
  readonly columns: number;
  readonly residual: Float32Array;
  readonly direction: Float32Array;
  readonly change: Float32Array;
  /** Of each row: residual times preconditioned residual. */
  readonly products: Float64Array;
}

function clear(values: Float32Array, alive: Uint8Array): void {
  for (let i = 0; i < values.length; i++) values[i]! *= alive[i]!;
}

/** direction = z + β · direction, with z the residual over the diagonal, less a correction if there is one. */
function turn(state: State, inverse: Float32Array, correction: Float32Array | undefined): void {
  const { columns, products } = state;
  for (let row = 0; row < products.length; row++) {
    const from = row * columns;
    const product = correction
      ? correctedProduct(state.residual, inverse, correction, from)
      : plainProduct(state.residual, inverse, from);
    const beta = products[row]! > 0 ? product / products[row]! : 0;
    products[row] = product;
    if (correction) turnCorrected(state, inverse, correction, from, beta);
    else turnPlainly(state, inverse, from, beta);
  }
}

/** Residual times z; the residual is zero where no weight may change. */
function plainProduct(residual: Float32Array, inverse: Float32Array, from: number): number {
  let product = 0;
  for (let j = 0, at = from; j < inverse.length; j++, at++) product += residual[at]! ** 2 * inverse[j]!;
  return product;
}

function correctedProduct(
  residual: Float32Array,
  inverse: Float32Array,
  correction: Float32Array,
  from: number,
): number {
  let product = 0;
  for (let j = 0, at = from; j < inverse.length; j++, at++)
    product += residual[at]! * (residual[at]! * inverse[j]! - correction[at]!);
  return product;
}

function turnPlainly(
  { residual, direction }: State,
  inverse: Float32Array,
  from: number,
  beta: number,
): void {
  for (let j = 0, at = from; j < inverse.length; j++, at++)
    direction[at] = residual[at]! * inverse[j]! + beta * direction[at]!;
}

function turnCorrected(
  { alive, residual, direction }: State,
  inverse: Float32Array,
  correction: Float32Array,
  from: number,
  beta: number,
): void {
  for (let j = 0, at = from; j < inverse.length; j++, at++)
    direction[at] = alive[at]! * (residual[at]! * inverse[j]! - correction[at]!) + beta * direction[at]!;
}

/** Moves to the minimum along each row's direction; returns the total gain of all rows. */
function move({ alive, columns, residual, direction, change, products }: State, image: Float32Array): number {
  let gained = 0;
  for (let row = 0; row < products.length; row++) {
    const from = row * columns;
    let curvature = 0;
    for (let at = from; at < from + columns; at++) curvature += direction[at]! * image[at]!;
    const length = curvature > 0 ? products[row]! / curvature : 0;
    gained += length * products[row]!;
    for (let at = from; at < from + columns; at++) {
      change[at]! += length * direction[at]!;
      residual[at] = alive[at]! * (residual[at]! - length * image[at]!);
    }
  }
  return gained;
}
