/** Keys that identify models by their contents, without reading large weights. */
import { createHash } from "node:crypto";
import { allTensors, type Model, type Tensor } from "../ir/index.js";
import { encodeModel } from "../onnx/index.js";

/** Smaller constants are compared by their bytes, because passes that repeat create them again. */
const LARGE = 4096;

/**
 * Models with the same key make the same file. Copies of a model share their large constants, whose bytes
 * nothing writes into, so these are identified by their place in memory: equal bytes in two places give two keys.
 */
export class ModelKeys {
  private readonly places = new WeakMap<object, number>();
  private known = 0;

  of(model: Model): string {
    const substitutes = new Map<Tensor, Tensor>();
    for (const tensor of allTensors(model)) {
      const place = this.placeOf(tensor);
      if (place !== undefined)
        substitutes.set(tensor, {
          name: tensor.name ?? "",
          dataType: tensor.dataType,
          dims: tensor.dims,
          raw: Buffer.from(place),
        });
    }
    const hash = createHash("sha256");
    for (const part of encodeModel(model, substitutes)) hash.update(part);
    return hash.digest("hex");
  }

  private placeOf({ raw, lazy }: Tensor): string | undefined {
    if (raw)
      return raw.byteLength < LARGE
        ? undefined
        : `${this.numberOf(raw.buffer)}+${raw.byteOffset}+${raw.byteLength}`;
    return lazy && String(this.numberOf(lazy));
  }

  private numberOf(holder: object): number {
    const number = this.places.get(holder) ?? ++this.known;
    this.places.set(holder, number);
    return number;
  }
}
