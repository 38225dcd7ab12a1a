/** What a model holds: its inputs and outputs, operators, parameters, and where its bytes are. */
import { stat } from "node:fs/promises";
import { DataType, dataTypeName, elementCount, GraphEditor, isOp, getAttribute, nodeLabel, storedByteLength, toFloat32, type Model, type Tensor, type ValueInfo } from "../ir/index.js";
import { readModel } from "../onnx/index.js";

export interface InspectedValue {
  readonly name: string;
  /** "float", "int64"; "unknown" when the file does not declare it. */
  readonly type: string;
  /** Sizes and symbols; null for an unknown size. Absent when not even the rank is declared. */
  readonly shape?: readonly (number | string | null)[];
}

export interface InspectedOperator {
  readonly opType: string;
  readonly domain: string;
  readonly count: number;
  /** Elements and stored bytes of the constants that nodes of this type are the first to use. */
  readonly parameters: number;
  readonly bytes: number;
}

export interface Inspection {
  readonly path: string | null;
  /** Bytes of the model file; external data files are not part of it. */
  readonly fileBytes: number | null;
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly producer: string;
  readonly inputs: readonly InspectedValue[];
  readonly outputs: readonly InspectedValue[];
  readonly nodes: readonly { readonly name: string; readonly opType: string }[];
  readonly operators: readonly InspectedOperator[];
  readonly parameters: number;
  readonly parameterBytes: number;
  /** Share of floating-point parameters that are zero, from 0 to 1; null when there are none. */
  readonly sparsity: number | null;
  readonly externalTensors: number;
}

const FLOATING: readonly number[] = [DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16, DataType.DOUBLE];

/** Reads a model and describes it; nothing is run. Throws BadModelError or EdgecError CANNOT_READ. */
export async function inspect(input: string | Uint8Array | Model): Promise<Inspection> {
  const model = typeof input === "string" || input instanceof Uint8Array ? readModel(input) : input;
  const fileBytes = typeof input === "string" ? (await stat(input)).size : input instanceof Uint8Array ? input.byteLength : null;
  return { path: model.path ?? null, fileBytes, ...describe(model) };
}

function describe(model: Model): Omit<Inspection, "path" | "fileBytes"> {
  const constants = constantsOf(model);
  const held = new Set(model.graph.initializers.map((tensor) => tensor.name));
  return {
    irVersion: Number(model.irVersion ?? 0n),
    opsets: model.opsetImports.map(({ domain, version }) => ({ domain: domainName(domain), version: Number(version ?? 0n) })),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(" "),
    inputs: model.graph.inputs.filter((input) => !held.has(input.name)).map(describeValue),
    outputs: model.graph.outputs.map(describeValue),
    nodes: GraphEditor.forModel(model).flatMap(({ graph }) => graph.nodes.map((node) => ({ name: nodeLabel(node), opType: node.opType }))),
    operators: operatorsOf(model, constants),
    parameters: constants.reduce((sum, { tensor }) => sum + elementCount(tensor), 0),
    parameterBytes: constants.reduce((sum, { tensor }) => sum + storedByteLength(tensor), 0),
    sparsity: sparsityOf(constants.map(({ tensor }) => tensor)),
    externalTensors: constants.filter(({ tensor }) => tensor.external).length,
  };
}

function describeValue({ name, type }: ValueInfo): InspectedValue {
  const tensor = type?.tensor;
  if (!tensor) return { name, type: "unknown" };
  const shape = tensor.shape?.map((dimension) => dimension ?? null);
  return { name, type: dataTypeName(tensor.elementType), ...(shape === undefined ? {} : { shape }) };
}

interface UsedConstant { readonly tensor: Tensor; readonly user: string }

/** Every initializer and every Constant node's tensor, with the key of the operator that uses it first. */
function constantsOf(model: Model): UsedConstant[] {
  const found: UsedConstant[] = [];
  for (const editor of GraphEditor.forModel(model)) {
    const add = (name: string, tensor: Tensor): void => {
      const user = editor.consumers(name)[0];
      found.push({ tensor, user: user ? operatorKey(user) : "" });
    };
    for (const tensor of editor.graph.initializers) add(tensor.name ?? "", tensor);
    for (const node of editor.graph.nodes) {
      const tensor = isOp(node, "Constant") ? getAttribute(node, "value")?.t : undefined;
      if (tensor) add(node.outputs[0] ?? "", tensor);
    }
  }
  return found;
}

function domainName(domain: string | undefined): string {
  return domain === undefined || domain === "" ? "ai.onnx" : domain;
}

function operatorKey({ domain, opType }: { domain?: string; opType: string }): string {
  return domainName(domain) === "ai.onnx" ? opType : `${domainName(domain)}.${opType}`;
}

function operatorsOf(model: Model, constants: readonly UsedConstant[]): InspectedOperator[] {
  const found = new Map<string, { opType: string; domain: string; count: number; parameters: number; bytes: number }>();
  for (const { graph } of GraphEditor.forModel(model)) {
    for (const node of graph.nodes) {
      const key = operatorKey(node);
      const entry = found.get(key) ?? { opType: node.opType, domain: domainName(node.domain), count: 0, parameters: 0, bytes: 0 };
      entry.count++;
      found.set(key, entry);
    }
  }
  for (const { tensor, user } of constants) {
    const entry = found.get(user);
    if (!entry) continue;
    entry.parameters += elementCount(tensor);
    entry.bytes += storedByteLength(tensor);
  }
  return [...found.values()].sort((a, b) => b.bytes - a.bytes || b.count - a.count || (a.opType < b.opType ? -1 : 1));
}

function sparsityOf(tensors: readonly Tensor[]): number | null {
  let zeros = 0;
  let total = 0;
  for (const tensor of tensors) {
    if (!FLOATING.includes(tensor.dataType)) continue;
    for (const value of toFloat32(tensor)) if (value === 0) zeros++;
    total += elementCount(tensor);
  }
  return total === 0 ? null : zeros / total;
}
