/**
 * Decides which tensors a written model keeps outside itself, and writes the one data file that holds them.
 */
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import {
  allTensors,
  externalRange,
  nestedGraphs,
  type ByteSource,
  type Model,
  type StringEntry,
  type Tensor,
} from "../ir/index.js";
import { EXTERNAL } from "./external-data.js";
import { createFile, writeFrom } from "./temporary-file.js";

/** With `true`, weights of at least this many bytes leave the model, as in onnx.save. */
const MOVE_FROM = 1024;

/**
 * Runtimes map data files page by page, so large tensors are aligned to pages. A small tensor is not worth
 * the padding, unless its file had it.
 */
const PAGE = 4096;
const PAGE_FROM = 65_536;
const CACHE_LINE = 64;

export type ExternalDataOption = boolean | { readonly minBytes: number } | undefined;

/**
 * The fate of each external or large tensor: left in its data file, loaded into the model, or written to the
 * data file.
 */
interface DataPlan {
  readonly dataName: string;
  readonly inline: readonly Tensor[];
  readonly move: readonly Tensor[];
}

/**
 * Makes the plan for a model written to `path`. Without an option, external data stays external: unchanged if
 * the model stays in its folder, otherwise moved to `<name>.data`. Weights also go there if the model would
 * hold more than `maxInlineBytes`. A file that tensors are still read from is never chosen.
 */
export function planData(
  model: Model,
  path: string,
  asked: ExternalDataOption,
  maxInlineBytes: number,
): DataPlan {
  const option = asked ?? (inlineBytes(model) > maxInlineBytes ? true : undefined);
  const external: Tensor[] = [];
  const weights = new Set([...nestedGraphs(model.graph)].flatMap((graph) => graph.initializers));
  const minBytes = option === true ? MOVE_FROM : typeof option === "object" ? option.minBytes : Infinity;
  const move: Tensor[] = [];
  for (const tensor of new Set(allTensors(model))) {
    if (isExternal(tensor)) external.push(tensor);
    else if (weights.has(tensor) && rawLength(tensor) >= minBytes) move.push(tensor);
  }
  if (option === false) return { dataName: "", inline: external, move: [] };
  const away = external.filter((tensor) => !isSamePlace(tensor.external?.folder, dirname(path)));
  return { dataName: freeName(path, external), inline: [], move: [...away, ...move] };
}

function isExternal(tensor: Tensor): boolean {
  return (
    tensor.external !== undefined &&
    tensor.raw === undefined &&
    tensor.lazy === undefined &&
    tensor.typed === undefined
  );
}

/** Length of the raw bytes; -1 for values in another form, which only the model can hold. */
function rawLength({ raw, lazy }: Tensor): number {
  return raw?.byteLength ?? lazy?.length ?? -1;
}

function inlineBytes(model: Model): number {
  let bytes = 0;
  for (const tensor of new Set(allTensors(model))) bytes += Math.max(0, rawLength(tensor));
  return bytes;
}

/** `<name>.data`, or the first `<name>-<k>.data` that no tensor is read from. */
function freeName(path: string, external: readonly Tensor[]): string {
  const folder = dirname(path);
  const sources = new Set(
    external.map(({ external: source }) => join(source?.folder ?? "", source?.location ?? "")),
  );
  const isSource = (name: string): boolean =>
    [...sources].some((source) => isSamePlace(source, join(folder, name)));
  let name = `${basename(path)}.data`;
  for (let k = 1; isSource(name); k++) name = `${basename(path)}-${k}.data`;
  return name;
}

export function isSamePlace(a: string | undefined, b: string): boolean {
  return a !== undefined && existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}

/** Loads or moves the tensors of a plan, one at a time, and returns what to write in their place. */
export function settleData(
  plan: DataPlan,
  temporaryPath: string,
  durable: boolean,
): { substitutes: Map<Tensor, Tensor>; dataBytes: number } {
  const substitutes = new Map<Tensor, Tensor>();
  for (const tensor of plan.inline) substitutes.set(tensor, taken(tensor));
  if (plan.move.length === 0) return { substitutes, dataBytes: 0 };
  const places = new Map<string, StringEntry[]>();
  let end = 0;
  createFile(
    temporaryPath,
    (file) => {
      for (const tensor of plan.move) {
        const source = isExternal(tensor) ? tensor.external : undefined;
        // Tensors that share their bytes continue to share them.
        const key = source && `${source.folder}/${source.location}:${source.offset}+${source.length}`;
        const known = key === undefined ? undefined : places.get(key);
        const bytes = known ? undefined : bytesOf(tensor);
        const offset = bytes ? roundUp(end, alignment(bytes.length, source?.offset)) : 0;
        if (bytes) end = writeFrom(file, bytes, offset);
        const entries = known ?? entriesFor(plan.dataName, offset, bytes?.length ?? 0);
        if (key !== undefined) places.set(key, entries);
        substitutes.set(tensor, pointTo(tensor, entries));
      }
    },
    durable,
  );
  return { substitutes, dataBytes: end };
}

/** The tensor's bytes, or where to read them; does not load bytes of known length. */
function bytesOf({ raw, lazy, external }: Tensor): Uint8Array | ByteSource {
  return raw ?? lazy ?? externalRange(external) ?? external?.load() ?? new Uint8Array();
}

/** An external tensor with its values inside the model. */
function taken(tensor: Tensor): Tensor {
  const bytes = bytesOf(tensor);
  return { ...tensor, ...(bytes instanceof Uint8Array ? { raw: bytes } : { lazy: bytes }) };
}

function entriesFor(location: string, offset: number, length: number): StringEntry[] {
  return Object.entries({ location, offset: String(offset), length: String(length) }).map(([key, value]) => ({
    key,
    value,
  }));
}

/** The tensor with its values at `entries` instead of inside the model. */
function pointTo(tensor: Tensor, entries: StringEntry[]): Tensor {
  const moved: Tensor = { ...tensor, externalData: entries, dataLocation: EXTERNAL };
  delete moved.raw;
  delete moved.lazy;
  return moved;
}

function alignment(length: number, sourceOffset: number | undefined): number {
  const wasOnPage = sourceOffset !== undefined && sourceOffset > 0 && sourceOffset % PAGE === 0;
  return wasOnPage || length >= PAGE_FROM ? PAGE : CACHE_LINE;
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
