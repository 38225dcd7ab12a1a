/** Identifies a model by its structure and samples of its constants. */
import { createHash, type Hash } from "node:crypto";
import {
  allTensors,
  type Attribute,
  type FunctionDef,
  type Graph,
  type Model,
  type Node,
  nodeLists,
  type Tensor,
  tensorBytes,
  tensorSource,
  type ValueInfo,
} from "../ir/index.js";

/**
 * Bytes that are read of each large constant at its start, in its middle and at its end: of a model of
 * gigabytes, a few megabytes.
 */
const SAMPLE = 4096;

/**
 * "sha256:…" of what the model takes, with types and shapes; of the operators with their attributes and the
 * names that they read and make; of what bodies and functions take and hand out, in order; and of the
 * constants: types, shapes, all bytes of small ones and samples of others. The same whether a model is in
 * memory or on the disk; names of files and descriptions play no part. Another training of the same network
 * gives another one.
 */
export function fingerprintOf(model: Model): string {
  const hash = createHash("sha256");
  const add = (value: unknown): void =>
    void hash.update(
      `${JSON.stringify(value, (_, entry: unknown) => (typeof entry === "bigint" ? String(entry) : entry))}\n`,
    );
  add(model.opsetImports.map(({ domain = "", version }) => [domain, version]));
  add(model.graph.inputs.map(typeOf));
  for (const scope of nodeLists(model)) add([interfaceOf(scope), scope.nodes.map(structureOf)]);
  for (const tensor of allTensors(model)) {
    add([tensor.name, tensor.dataType, tensor.dims]);
    addSamples(hash, tensor);
  }
  return `sha256:${hash.digest("hex")}`;
}

/** What is not a dense tensor is known by its encoded bytes. */
function typeOf({ type }: ValueInfo): unknown {
  if (type?.tensor) return [type.tensor.elementType, type.tensor.shape];
  return type?.encoded && Buffer.from(type.encoded.bytes).toString("base64");
}

/** Names that come in and go out, which a body binds to those around it by their places. */
function interfaceOf(scope: Graph | FunctionDef): unknown {
  if ("initializers" in scope)
    return [scope.inputs, scope.outputs].map((values) => values.map(({ name }) => name));
  const { domain = "", name, overload, inputs, outputs, attributeNames, attributeDefaults } = scope;
  return [domain, name, overload, inputs, outputs, attributeNames, attributeDefaults.map(valueOf)];
}

function structureOf({ opType, domain = "", inputs, outputs, attributes }: Node): unknown {
  return [opType, domain, inputs, outputs, attributes.map(valueOf)];
}

/** Tensors and bodies come by themselves. */
function valueOf({ name, i, f, s, ints, floats, strings }: Attribute): unknown {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  return [name, i, f, s && text(s), ints && [...ints], floats && [...floats], strings?.map(text)];
}

/** External data of unknown length is known by its place alone: it could only be read as a whole. */
function addSamples(hash: Hash, tensor: Tensor): void {
  const source = tensorSource(tensor);
  if (!source && tensor.external && !tensor.raw) return void hash.update(tensor.external.location);
  if (tensor.typed?.string) {
    for (const bytes of tensor.typed.string) hash.update(bytes);
    return;
  }
  const held = source ? undefined : tensorBytes(tensor);
  const length = source?.length ?? held!.byteLength;
  const part = (from: number, to: number): void => {
    const bytes = held?.subarray(from, to) ?? new Uint8Array(to - from);
    if (source) source.read(bytes, from);
    hash.update(bytes);
  };
  if (length <= 3 * SAMPLE) part(0, length);
  else for (const from of [0, Math.floor((length - SAMPLE) / 2), length - SAMPLE]) part(from, from + SAMPLE);
}
