/** What `inspect` finds. Every key is part of the public schema (docs/inspect.md): keys are added, never renamed. */

export const INSPECTION_VERSION = 1;

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
  /** Nodes in every scope: the graph, bodies of If, Loop and Scan, functions of the model. */
  readonly count: number;
  /** Of the weights of these nodes; what is computed from constants alone belongs to the node that uses it. */
  readonly parameters: number;
  readonly bytes: number;
  /** Of the nodes whose MACs are known. Those of a function are with its calls. */
  readonly macs: number;
  /** Nodes with MACs that need sizes which are not known. */
  readonly unknownMacs: number;
  /** Bytes of all outputs that are known. */
  readonly activationBytes: number;
}

export interface InspectedNode {
  /** As `--exclude` takes it: its name, or its first output. */
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** "" for the main graph, "If_0/then_branch" for a body, "my.domain.Block()" for a function. */
  readonly scope: string;
  readonly parameters: number;
  readonly bytes: number;
  /** Null where sizes are not known; 0 for operators that are not counted. */
  readonly macs: number | null;
  /** Bytes of its outputs; null where sizes are not known. */
  readonly activationBytes: number | null;
  /** Shape of the first output. */
  readonly shape: readonly (number | string | null)[] | null;
}

export interface WeightStatistics {
  readonly zeros: number;
  readonly nan: number;
  readonly infinite: number;
  /** Of the finite values; null when there are none. */
  readonly min: number | null;
  readonly max: number | null;
  /** Different values, NaN as one; null above 256. */
  readonly distinct: number | null;
}

/** A constant, or a value computed from constants alone, that a node works with. */
export interface InspectedWeight {
  readonly name: string;
  readonly scope: string;
  /** The first node that uses it (null when none does), and at which input. */
  readonly node: string | null;
  readonly opType: string | null;
  readonly input: number | null;
  readonly type: string;
  readonly shape: readonly (number | string | null)[] | null;
  /** Elements as the node uses it; where that is not known, elements of the constants. */
  readonly elements: number;
  /** Stored bytes of its constants; a constant that several share counts with the first. */
  readonly bytes: number;
  /** "inline" (an initializer in the file), "external", "node" (Constant), or "computed" from several constants. */
  readonly stored: "inline" | "external" | "node" | "computed";
  /** The constants that it is computed from; empty unless `stored` is "computed". */
  readonly constants: readonly string[];
  /** Fingerprint of the constants' bytes: equal for equal ones. */
  readonly digest: string;
  /** Null for strings, types that edgec does not read, and computed weights (unless the model is run). */
  readonly statistics: WeightStatistics | null;
}

/** Bytes of the model by what they are for; together the size of all its files. */
export interface FileParts {
  readonly initializers: number;
  readonly constantNodes: number;
  /** Tensors in attributes of other nodes. */
  readonly attributes: number;
  readonly sparseInitializers: number;
  readonly external: number;
  readonly docStrings: number;
  readonly metadata: number;
  /** Nodes, names, declarations and the fields around it all; null when there is no file. */
  readonly structure: number | null;
}

export interface Activations {
  /** Bytes of all intermediate values and outputs, each once; null when some are not known. */
  readonly totalBytes: number | null;
  /** The most that is alive at once in the main graph, without weights and workspace, in the file's order of nodes. */
  readonly peakBytes: number | null;
  readonly unknown: number;
}

/** What a pass would do with a node, from a trial on a copy. */
export interface Possibility {
  readonly pass: string;
  /** Whether calibration data was assumed. A pass that does the same with and without it is told once, as without. */
  readonly calibrated: boolean;
  /** The node, or the constant where the pass names that. */
  readonly name: string;
  /** The node: itself, or the one that uses the constant; null for one that is not in the cleaned-up model. */
  readonly node: string | null;
  readonly opType: string;
  readonly status: "changed" | "kept";
  readonly reason: string;
}

export interface Inspection {
  readonly inspectionVersion: typeof INSPECTION_VERSION;
  readonly path: string | null;
  /** Bytes of the model file; external data files are not part of it. */
  readonly fileBytes: number | null;
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly producer: string;
  readonly functions: number;
  /** With the sizes that were given. */
  readonly inputs: readonly InspectedValue[];
  readonly outputs: readonly InspectedValue[];
  readonly nodes: readonly InspectedNode[];
  readonly operators: readonly InspectedOperator[];
  readonly weights: readonly InspectedWeight[];
  readonly parameters: number;
  readonly parameterBytes: number;
  /** Share of floating-point parameters that are zero, from 0 to 1; null when there are none, or some are stored as codes and the model was not run. */
  readonly sparsity: number | null;
  readonly externalTensors: number;
  readonly parts: FileParts;
  /** Null when not one node's are known. A body of If, Loop or Scan counts once. */
  readonly macs: number | null;
  readonly unknownMacs: number;
  readonly activations: Activations;
  /** Where sizes are from: the file and propagation, or a run on zeros. */
  readonly sizesFrom: "inference" | "run";
  /** Null when it was not asked for, or the model is not valid. */
  readonly possibilities: readonly Possibility[] | null;
  /** What is structurally wrong with the model; mostly empty. */
  readonly problems: readonly string[];
  /** What the figures were taken for where the model leaves it open, such as a batch of one. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}
