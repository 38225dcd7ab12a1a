/**
 * The result of `inspect`. Every key is part of the public schema (docs/guide/inspecting.md): keys are added, never
 * renamed.
 */

export const INSPECTION_VERSION = 1;

export interface InspectedValue {
  readonly name: string;
  /** Such as "float" or "int64"; "unknown" if the file does not declare it. */
  readonly type: string;
  /** Sizes and symbols; null for an unknown size. Absent if not even the rank is declared. */
  readonly shape?: readonly (number | string | null)[];
}

export interface InspectedOperator {
  readonly opType: string;
  readonly domain: string;
  /** Number of nodes in all scopes: the graph, bodies of If, Loop and Scan, functions of the model. */
  readonly count: number;
  /**
   * Number of parameters of these nodes; a value computed only from constants belongs to the node that uses
   * it.
   */
  readonly parameters: number;
  readonly bytes: number;
  /** Total over nodes whose MACs are known. Functions count with their calls. */
  readonly macs: number;
  /** Number of nodes whose MACs depend on unknown sizes. */
  readonly unknownMacs: number;
  /** Bytes of all outputs of known size. */
  readonly activationBytes: number;
}

export interface InspectedNode {
  /** Its name for `--exclude`: the node's name, or its first output. */
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** "" for the main graph, "If_0/then_branch" for a body, "my.domain.Block()" for a function. */
  readonly scope: string;
  readonly parameters: number;
  readonly bytes: number;
  /** Null if sizes are unknown; 0 for operators that are not counted. */
  readonly macs: number | null;
  /** Bytes of its outputs; null if sizes are unknown. */
  readonly activationBytes: number | null;
  /** Shape of the first output. */
  readonly shape: readonly (number | string | null)[] | null;
}

export interface WeightStatistics {
  readonly zeros: number;
  readonly nan: number;
  readonly infinite: number;
  /** Over finite values; null if there are none. */
  readonly min: number | null;
  readonly max: number | null;
  /** Number of distinct values, NaN as one; null above 256. */
  readonly distinct: number | null;
}

/** A constant, or a value computed only from constants, that a node uses. */
export interface InspectedWeight {
  readonly name: string;
  readonly scope: string;
  /** The first node that uses it (null if none does), and at which input. */
  readonly node: string | null;
  readonly opType: string | null;
  readonly input: number | null;
  readonly type: string;
  readonly shape: readonly (number | string | null)[] | null;
  /** Number of elements as the node uses it; if unknown, elements of the constants. */
  readonly elements: number;
  /** Stored bytes of its constants; a shared constant counts with its first user. */
  readonly bytes: number;
  /**
   * "inline" (an initializer in the file), "external", "node" (Constant), or "computed" from several
   * constants.
   */
  readonly stored: "inline" | "external" | "node" | "computed";
  /** The constants that it is computed from; empty unless `stored` is "computed". */
  readonly constants: readonly string[];
  /** Fingerprint of the constants' bytes: equal for equal bytes. */
  readonly digest: string;
  /**
   * Null for strings, for types that edgec does not read, and for computed weights (unless the model was
   * run).
   */
  readonly statistics: WeightStatistics | null;
}

/** Bytes of the model by use; the sum is the size of all its files. */
export interface FileParts {
  readonly initializers: number;
  readonly constantNodes: number;
  /** Tensors in attributes of other nodes. */
  readonly attributes: number;
  readonly sparseInitializers: number;
  readonly external: number;
  readonly docStrings: number;
  readonly metadata: number;
  /** Nodes, names, declarations and the fields around them; null if there is no file. */
  readonly structure: number | null;
}

export interface Activations {
  /** Bytes of all intermediate values and outputs, each once; null if some are unknown. */
  readonly totalBytes: number | null;
  /**
   * The peak of bytes in use at once in the main graph, without weights and workspace, in the file's order of
   * nodes.
   */
  readonly peakBytes: number | null;
  readonly unknown: number;
}

/** What a pass would do with a node, found by trying it on a copy. */
export interface Possibility {
  readonly pass: string;
  /**
   * Whether calibration data was assumed. A pass that does the same with and without it is listed once, as
   * without.
   */
  readonly calibrated: boolean;
  /** The name of the node, or of the constant if the pass names that. */
  readonly name: string;
  /** The node itself, or the one that uses the constant; null if it is not in the cleaned-up model. */
  readonly node: string | null;
  readonly opType: string;
  readonly status: "changed" | "kept";
  readonly reason: string;
}

export interface Inspection {
  readonly inspectionVersion: typeof INSPECTION_VERSION;
  readonly path: string | null;
  /** Bytes of the model file without external data files. */
  readonly fileBytes: number | null;
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly producer: string;
  readonly functions: number;
  /** Inputs with the given sizes. */
  readonly inputs: readonly InspectedValue[];
  readonly outputs: readonly InspectedValue[];
  readonly nodes: readonly InspectedNode[];
  readonly operators: readonly InspectedOperator[];
  readonly weights: readonly InspectedWeight[];
  readonly parameters: number;
  readonly parameterBytes: number;
  /**
   * Fraction of floating-point parameters that are zero, from 0 to 1; null if there are none, or if some are
   * stored as codes and the model was not run.
   */
  readonly sparsity: number | null;
  readonly externalTensors: number;
  readonly parts: FileParts;
  /** Null if those of all nodes are unknown. A body of If, Loop or Scan counts once. */
  readonly macs: number | null;
  readonly unknownMacs: number;
  readonly activations: Activations;
  /** Source of the sizes: the file and inference, or a run on zeros. */
  readonly sizesFrom: "inference" | "run";
  /** Null if not requested, or if the model is not valid. */
  readonly possibilities: readonly Possibility[] | null;
  /** Structural faults of the model; usually empty. */
  readonly problems: readonly string[];
  /** Assumptions behind the figures where the model leaves something open, such as a batch of one. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}
