/**
 * The gradients H e of the errors of rows with codes, kept while codes move. Where H is a matrix, they are kept as
 * they are. Where it is H = Xᵀ X + λI for few inputs X, what the errors put out is kept, U = e Xᵀ, and gradients of
 * some columns are U X + λ e there: with n inputs of K features, a sweep over all codes takes 2 n K products a row
 * instead of K².
 */
import type { CodedRows, Range } from "./code-rows.js";
import { type Matrix, type MatrixEngine, matrixOf, rowsOf, slabs } from "./matrix.js";
import { DenseSystem, type RowSystem, type System } from "./system.js";

export interface CodeGradients {
  readonly system: System;
  /** Computes them anew from the errors. */
  measure(): Promise<void>;
  /** H of some columns with each other. */
  within(columns: Range): Promise<Matrix<Float32Array>>;
  /** Those of some rows at some columns. */
  at(rows: Range, columns: Range): Promise<Float32Array>;
  /** Takes into account that errors changed by `steps`, [rows, columns]. */
  add(rows: Range, columns: Range, steps: Matrix<Float32Array>): Promise<void>;
}

export function gradientsOf(
  engine: MatrixEngine,
  system: DenseSystem | RowSystem,
  coded: CodedRows,
): DenseGradients | RowGradients {
  return system instanceof DenseSystem
    ? new DenseGradients(engine, system, coded)
    : new RowGradients(engine, system, coded);
}

export class DenseGradients implements CodeGradients {
  private readonly gradient: Float32Array;

  constructor(
    private readonly engine: MatrixEngine,
    readonly system: DenseSystem,
    private readonly coded: CodedRows,
  ) {
    this.gradient = new Float32Array(coded.error.length);
  }

  async measure(): Promise<void> {
    const { rows, columns } = this.coded;
    for (const range of slabs(rows, columns))
      this.gradient.set(await this.system.times(errorsOf(this.coded, range)), range[0] * columns);
  }

  within([from, to]: Range): Promise<Matrix<Float32Array>> {
    const { h } = this.system;
    return Promise.resolve(columnsOf(rowsOf(h, from, to), [from, to]));
  }

  at([top, bottom]: Range, columns: Range): Promise<Float32Array> {
    const all = matrixOf(this.coded.rows, this.coded.columns, this.gradient);
    return Promise.resolve(columnsOf(rowsOf(all, top, bottom), columns).data);
  }

  async add([top]: Range, [from, to]: Range, steps: Matrix<Float32Array>): Promise<void> {
    const { data } = await this.engine.multiply(steps, rowsOf(this.system.h, from, to));
    addTo(this.gradient, data, top * this.coded.columns);
  }
}

export class RowGradients implements CodeGradients {
  /** Xᵀ, so that some columns of X are rows that follow each other. */
  readonly features: Matrix<Float32Array>;
  /** U = e Xᵀ */
  readonly outputs: Matrix<Float32Array>;

  constructor(
    private readonly engine: MatrixEngine,
    readonly system: RowSystem,
    private readonly coded: CodedRows,
  ) {
    const { x } = system;
    this.features = transposed(x);
    this.outputs = matrixOf(coded.rows, x.rows, new Float32Array(coded.rows * x.rows));
  }

  async measure(): Promise<void> {
    const { coded, outputs } = this;
    for (const range of slabs(coded.rows, coded.columns)) {
      const { data } = await this.engine.multiply(errorsOf(coded, range), this.features);
      outputs.data.set(data, range[0] * outputs.columns);
    }
  }

  async within([from, to]: Range): Promise<Matrix<Float32Array>> {
    const part = rowsOf(this.features, from, to);
    const h = await this.engine.multiply(part, part, true);
    for (let i = 0; i < h.rows; i++) h.data[i * (h.rows + 1)]! += this.system.ridge;
    return h;
  }

  async at([top, bottom]: Range, [from, to]: Range): Promise<Float32Array> {
    const { columns, error } = this.coded;
    const outputs = rowsOf(this.outputs, top, bottom);
    const { data } = await this.engine.multiply(outputs, rowsOf(this.features, from, to), true);
    for (let row = top, i = 0; row < bottom; row++)
      for (let j = from; j < to; j++, i++) data[i]! += this.system.ridge * error[row * columns + j]!;
    return data;
  }

  add(rows: Range, [from, to]: Range, steps: Matrix<Float32Array>): Promise<void> {
    return this.addOutputs(rows, steps, rowsOf(this.features, from, to));
  }

  /** The same for any features. @param inputs Xᵀ of them, a row for each column of the steps */
  async addOutputs([top]: Range, steps: Matrix<Float32Array>, inputs: Matrix<Float32Array>): Promise<void> {
    const { data } = await this.engine.multiply(steps, inputs);
    addTo(this.outputs.data, data, top * this.outputs.columns);
  }
}

function errorsOf({ error, columns }: CodedRows, [top, bottom]: Range): Matrix<Float32Array> {
  return matrixOf(bottom - top, columns, error.subarray(top * columns, bottom * columns));
}

function columnsOf({ rows, columns, data }: Matrix<Float32Array>, [from, to]: Range): Matrix<Float32Array> {
  const part = new Float32Array(rows * (to - from));
  for (let i = 0, at = from; i < rows; i++, at += columns)
    part.set(data.subarray(at, at + to - from), i * (to - from));
  return matrixOf(rows, to - from, part);
}

/** Rows that are read together, so that what the cache loads is used whole. */
const BAND = 16;

function transposed({ rows, columns, data }: Matrix<Float32Array>): Matrix<Float32Array> {
  const result = new Float32Array(data.length);
  for (let top = 0; top < rows; top += BAND) {
    const bottom = Math.min(rows, top + BAND);
    for (let j = 0; j < columns; j++)
      for (let i = top; i < bottom; i++) result[j * rows + i] = data[i * columns + j]!;
  }
  return matrixOf(columns, rows, result);
}

function addTo(sums: Float32Array, addend: Float32Array, at: number): void {
  for (let i = 0; i < addend.length; i++) sums[at + i]! += addend[i]!;
}
