/** A whole model file: its graph, the operator sets it uses, and what it says about itself. */
import type { Annotated, StringEntry } from "./annotations.js";
import type { Attribute } from "./attribute.js";
import type { TensorStore } from "./byte-source.js";
import type { Descent } from "./descent.js";
import type { Graph } from "./graph.js";
import type { Node } from "./node.js";
import type { StoredForm } from "./stored-form.js";
import type { OpaqueMessage, ValueInfo } from "./value.js";

export interface OpsetImport {
  domain?: string;
  version?: bigint;
  unknownFields?: readonly Uint8Array[];
}

/** A model-local function. */
export interface FunctionDef extends Annotated {
  name?: string;
  domain?: string;
  overload?: string;
  inputs: string[];
  outputs: string[];
  attributeNames: string[];
  attributeDefaults: Attribute[];
  nodes: Node[];
  opsetImports: OpsetImport[];
  valueInfo: ValueInfo[];
}

export interface Model extends Annotated {
  irVersion?: bigint;
  opsetImports: OpsetImport[];
  producerName?: string;
  producerVersion?: string;
  domain?: string;
  modelVersion?: bigint;
  graph: Graph;
  functions: FunctionDef[];
  trainingInfo: OpaqueMessage[];
  deviceConfigurations: OpaqueMessage[];
  metadata?: StringEntry[];
  /** The file it was read from, for messages and for external data. */
  path?: string;
  /** Takes tensors that passes make, where they would not fit in memory together. */
  scratch?: TensorStore;
  /** What passes have made of the names that the file has; never written. */
  descent?: Descent;
  /** Bytes that folding of constants has saved so far in the file; never written. */
  foldBalance?: number;
  /** Compact forms that constants had before they were unpacked; never written. */
  storedForms?: StoredForm[];
}

/** Version of the standard operator set (or of `domain`), 0 when the model does not import it. */
export function opsetVersion(model: Pick<Model, "opsetImports">, domain = ""): number {
  const isStandard = domain === "" || domain === "ai.onnx";
  const found = model.opsetImports.find((o) => (isStandard ? (o.domain ?? "") === "" || o.domain === "ai.onnx" : o.domain === domain));
  return Number(found?.version ?? 0n);
}

/** Sets or adds the imported version of an operator set. */
export function setOpsetVersion(model: Pick<Model, "opsetImports">, version: number, domain = ""): void {
  const found = model.opsetImports.find((o) => (o.domain ?? "") === domain || (domain === "" && o.domain === "ai.onnx"));
  if (found) found.version = BigInt(version);
  else model.opsetImports.push({ domain, version: BigInt(version) });
}

/** What identifies a function, and which one a node calls: domain, name and overload. */
export function functionKey(domain: string | undefined, name: string | undefined, overload: string | undefined): string {
  return JSON.stringify([domain === "ai.onnx" ? "" : domain ?? "", name ?? "", overload ?? ""]);
}
