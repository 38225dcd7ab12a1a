/** Finding an onnxruntime: the native package, else the WebAssembly one. Nothing is imported until it is asked for. */
import { EdgecError } from "../errors.js";
import { loadNode } from "./ort-node.js";
import { loadWeb } from "./ort-web.js";
import type { OnnxRuntime } from "./runtime.js";

/** The packages, onnxruntime-node and onnxruntime-web, by the part that differs. */
export type RuntimeKind = "node" | "web";

const LOADERS: Readonly<Record<RuntimeKind, () => Promise<OnnxRuntime>>> = { node: loadNode, web: loadWeb };

let loaded: Promise<OnnxRuntime> | undefined;

/**
 * The runtime of this process, loaded once: onnxruntime-node, or onnxruntime-web where the native package is not
 * installed or does not load (Alpine, an unsupported processor). The environment variable EDGEC_RUNTIME=node or web
 * allows only that one. Throws EdgecError RUNTIME_MISSING that says what to install.
 */
export function loadRuntime(): Promise<OnnxRuntime> {
  if (!loaded) {
    loaded = load(process.env.EDGEC_RUNTIME);
    // A failure is not kept: the next caller may have installed or chosen another one.
    loaded.catch(() => (loaded = undefined));
  }
  return loaded;
}

function allowedKinds(wanted: string | undefined): readonly RuntimeKind[] {
  if (wanted === undefined || wanted === "") return ["node", "web"];
  if (wanted === "node" || wanted === "web") return [wanted];
  throw new EdgecError("BAD_OPTION", `the environment variable EDGEC_RUNTIME is "${wanted}"; it may be "node" or "web"`);
}

async function load(wanted: string | undefined): Promise<OnnxRuntime> {
  const kinds = allowedKinds(wanted);
  const reasons: string[] = [];
  let cause: unknown;
  for (const kind of kinds) {
    try {
      const runtime = await LOADERS[kind]();
      const [missing] = kind === "node" ? [] : wanted === kind ? [`the environment variable EDGEC_RUNTIME is "${kind}"`] : reasons;
      return missing === undefined ? runtime : { ...runtime, nativeMissing: missing };
    } catch (error) {
      cause ??= error;
      reasons.push(`onnxruntime-${kind}: ${firstLine(error)}`);
    }
  }
  const packages = kinds.map((kind) => `"npm install onnxruntime-${kind}"`).join(" or ");
  throw new EdgecError("RUNTIME_MISSING", `no onnxruntime could be loaded (${reasons.join("; ")}). Install one with ${packages}`, { cause });
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n", 1)[0] ?? message;
}
