/** A whole model: its graph, operator sets and metadata. */
import type { Annotated, StringEntry } from "./annotations.js";
import type { TensorStore } from "./lazy-bytes.js";
import type { Graph, Node, Attribute } from "./graph.js";
import { standardDomain } from "./operator-set.js";
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

/**
 * Names of nodes (`nodeLabel`) and constants, each with the names that derive from it. The old one may still
 * exist.
 */
export type Provenance = Map<string, Set<string>>;

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
  /** Stores tensors that passes create, if together they would not fit in memory. */
  scratch?: TensorStore;
  /** What derives from the names in the file; never written. */
  provenance?: Provenance;
  /** Names that passes removed without replacement, with the pass; never written. */
  removed?: Map<string, string>;
  /** Bytes of the file that constant folding has saved so far; never written. */
  foldBalance?: number;
  /** Compact forms of constants before unpacking; never written. */
  storedForms?: StoredForm[];
}

/** Version of the standard operator set (or of `domain`); 0 if the model does not import it. */
export function opsetVersion(model: Pick<Model, "opsetImports">, domain = ""): number {
  return Number(importOf(model, domain)?.version ?? 0n);
}

/** Sets or adds the imported version of an operator set. */
export function setOpsetVersion(model: Pick<Model, "opsetImports">, version: number, domain = ""): void {
  const found = importOf(model, domain);
  if (found) found.version = BigInt(version);
  else model.opsetImports.push({ domain, version: BigInt(version) });
}

function importOf({ opsetImports }: Pick<Model, "opsetImports">, domain: string): OpsetImport | undefined {
  return opsetImports.find((each) => standardDomain(each.domain) === standardDomain(domain));
}

/** The key of a function, and of the function that a node calls: domain, name and overload. */
export function functionKey(
  domain: string | undefined,
  name: string | undefined,
  overload: string | undefined,
): string {
  return JSON.stringify([standardDomain(domain), name ?? "", overload ?? ""]);
}

/** The inputs that a caller must feed: those without an initializer. */
export function fedInputs({ graph }: Pick<Model, "graph">): ValueInfo[] {
  const constants = new Set(graph.initializers.map((tensor) => tensor.name));
  return graph.inputs.filter((input) => !constants.has(input.name));
}

/** A model of the graph alone. */
export function modelOf(graph: Graph, irVersion: bigint, opsetImports: OpsetImport[]): Model {
  return { irVersion, opsetImports, functions: [], trainingInfo: [], deviceConfigurations: [], graph };
}
