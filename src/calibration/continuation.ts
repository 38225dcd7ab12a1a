/**
 * Lets a pass that measures and changes layer after layer start each measurement where the one before it ended, on
 * values that the changes do not reach.
 */
import { rmSync } from "node:fs";
import { tensorValue, type Model, type ValueInfo } from "../ir/index.js";
import { TemporaryFolder } from "../onnx/index.js";
import { modelComputing } from "./augment.js";
import type { StoredBoundary } from "./boundary-file.js";

interface Stored {
  readonly boundary: StoredBoundary;
  readonly names: readonly string[];
  /** Of the part of the model that made the values. */
  readonly key: string;
}

/** Their types, and their shapes where all samples have the same: the runtime chooses kernels by them. */
function valuesOf({ samples }: StoredBoundary): ValueInfo[] {
  const [first = [], ...others] = samples;
  return first.map(({ name, dataType, dims }, k) => {
    const isFixed = others.every((values) => values[k]?.dims.join() === dims.join());
    return tensorValue(name, dataType, isFixed ? dims : undefined);
  });
}

/** For measurements on the same samples. */
export class Continuation {
  private folder: TemporaryFolder | undefined;
  private stored: Stored | undefined;
  private written = 0;

  /** @param keyOf equal for models of equal contents alone */
  constructor(private readonly keyOf: (model: Model) => string) {}

  /** The rest of a model that computes `tensors`, if it still begins with what made the stored values. */
  rest(model: Model, tensors: readonly string[]): { model: Model; resume: StoredBoundary } | undefined {
    const { stored } = this;
    if (!stored) return undefined;
    if (stored.key !== this.keyFor(model, stored.names)) return undefined;
    const own = new Set(model.graph.inputs.map(({ name }) => name));
    const given = valuesOf(stored.boundary).filter(({ name }) => !own.has(name));
    const part = modelComputing(model, [...new Set(tensors)], given);
    const fed = new Set(stored.names);
    const inputs = part.graph.inputs.filter(({ name }) => fed.has(name));
    return { model: { ...part, graph: { ...part.graph, inputs } }, resume: stored.boundary };
  }

  /** Where to store values. */
  async path(): Promise<string> {
    this.folder ??= await TemporaryFolder.create("boundary");
    return this.folder.file(String(this.written++));
  }

  /** @param model whose tensors `names` were stored */
  keep(model: Model, names: readonly string[], boundary: StoredBoundary): void {
    this.drop();
    this.stored = { boundary, names, key: this.keyFor(model, names) };
  }

  drop(): void {
    if (this.stored) rmSync(this.stored.boundary.path, { force: true });
    this.stored = undefined;
  }

  async remove(): Promise<void> {
    await this.folder?.remove();
    this.folder = this.stored = undefined;
  }

  private keyFor(model: Model, names: readonly string[]): string {
    const own = new Set(model.graph.inputs.map(({ name }) => name));
    return this.keyOf(
      modelComputing(
        model,
        names.filter((name) => !own.has(name)),
      ),
    );
  }
}
