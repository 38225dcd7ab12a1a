/** Products of matrices in onnxruntime, some thirty times faster than loops; its sessions open when needed. */
import { availableParallelism } from "node:os";
import { attribute, DataType, emptyGraph, makeNode, modelOf, tensorValue, type Model } from "../ir/index.js";
import { encodeModel } from "../onnx/index.js";
import { loadRuntime } from "../runtime/index.js";
import { type OnnxRuntime, type Session, YIELDING } from "../runtime/runtime.js";
import {
  type Matrix,
  type MatrixEngine,
  matrixOf,
  PLAIN_ENGINE,
  type Reals,
  type RoutineArguments,
  type RoutineName,
  runRoutine,
} from "../solver/index.js";
import { withInputsRead } from "./layer-inputs.js";

/** Multiplications from which on a call of onnxruntime pays. */
const WORTH_A_CALL = 1e5;

export class OrtEngine implements MatrixEngine {
  private readonly sessions = new Map<string, Promise<Session>>();

  constructor(
    private readonly runtime: OnnxRuntime,
    private readonly threads: number,
  ) {}

  multiply<T extends Reals>(a: Matrix<T>, b: Matrix<T>, transposed = false): Promise<Matrix<T>> {
    const [inner, width] = transposed ? [b.columns, b.rows] : [b.rows, b.columns];
    if (a.rows * inner * width < WORTH_A_CALL) return PLAIN_ENGINE.multiply(a, b, transposed);
    if (a.columns !== inner)
      throw new RangeError(`matrices of ${a.columns} and ${inner} inner values do not multiply`);
    return this.gemm(transposed ? "transB" : "", a, b, a.rows, width);
  }

  gram<T extends Reals>(a: Matrix<T>): Promise<Matrix<T>> {
    return this.gemm("transA", a, a, a.columns, a.columns);
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release();
    this.sessions.clear();
  }

  private async gemm<T extends Reals>(
    flag: Transposed,
    a: Matrix<T>,
    b: Matrix<T>,
    rows: number,
    columns: number,
  ): Promise<Matrix<T>> {
    const dataType = a.data instanceof Float32Array ? DataType.FLOAT : DataType.DOUBLE;
    const session = await this.session(flag, dataType);
    const value = ({ rows, columns, data }: Matrix<T>) => ({ dataType, dims: [rows, columns], data });
    const { y } = await session.run({ a: value(a), b: value(b) });
    return matrixOf(rows, columns, y!.data as T);
  }

  private session(flag: Transposed, dataType: DataType): Promise<Session> {
    const key = `${flag} ${dataType}`;
    const known = this.sessions.get(key);
    if (known) return known;
    const opened = this.runtime.open(Buffer.concat(encodeModel(gemmModel(flag, dataType))), {
      threads: this.threads,
      config: YIELDING,
    });
    this.sessions.set(key, opened);
    return opened;
  }
}

type Transposed = "" | "transA" | "transB";

/** y = a b, one of them transposed where said. */
function gemmModel(flag: Transposed, dataType: DataType): Model {
  const graph = {
    ...emptyGraph("product"),
    nodes: [makeNode("Gemm", ["a", "b"], ["y"], flag === "" ? [] : [attribute.int(flag, 1)])],
    inputs: [tensorValue("a", dataType, ["m", "k"]), tensorValue("b", dataType, ["n", "o"])],
    outputs: [tensorValue("y", dataType, ["p", "q"])],
  };
  return modelOf(graph, 8n, [{ domain: "", version: 13n }]);
}

/** Of the calibration process, beside the runtime that runs its models. */
let engine: Promise<OrtEngine> | undefined;

/** Routines run one after the other: two would hold twice the memory. */
let turn: Promise<unknown> = Promise.resolve();

export function solve<K extends RoutineName>(routine: K, args: RoutineArguments<K>): Promise<unknown> {
  const solved = turn.then(async () => {
    engine ??= loadRuntime().then((runtime) => new OrtEngine(runtime, availableParallelism()));
    return runRoutine(await engine, routine, withInputsRead(args));
  });
  turn = solved.catch(() => undefined);
  return solved;
}
