/** A session of onnxruntime (either package) behind edgec's contract. */
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { BadDataError, EdgecError, suggestion } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { rejection } from "./rejection.js";
import type { Session } from "./runtime.js";
import { fromOrt, isReadable, toOrt, unreadableType, type TensorConstructor } from "./tensors.js";

export class OrtSession implements Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];

  constructor(
    private readonly session: InferenceSession,
    private readonly tensor: TensorConstructor,
    /** What messages call the model. */
    private readonly label: string,
  ) {
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
  }

  async run(feed: Feed, outputs: readonly string[] = this.outputNames): Promise<Feed> {
    const results = await this.execute(this.feeds(feed), this.fetches(outputs));
    return Object.fromEntries(outputs.map((name) => {
      const tensor = results[name];
      if (!tensor) throw new EdgecError("MODEL_REJECTED", `${this.label}: onnxruntime gave no value for output "${name}"`);
      return [name, fromOrt(tensor, `${this.label}: output "${name}"`)];
    }));
  }

  /** The call alone, with inputs already converted and outputs left as onnxruntime gives them: what a timer should time. */
  bind(feed: Feed): () => Promise<unknown> {
    const feeds = this.feeds(feed);
    const fetches = this.fetches(this.outputNames);
    return () => this.execute(feeds, fetches);
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  private async execute(feeds: Record<string, Tensor>, fetches: string[]): Promise<Readonly<Record<string, Tensor>>> {
    try {
      return await this.session.run(feeds, fetches);
    } catch (cause) {
      throw rejection(cause, this.label, "run");
    }
  }

  /** Values that are not inputs of this model are left out: parts of a model are run on the whole model's feeds. */
  private feeds(feed: Feed): Record<string, Tensor> {
    return Object.fromEntries(this.inputNames.map((name) => {
      const value = Object.hasOwn(feed, name) ? feed[name] : undefined;
      if (!value) throw new BadDataError(`${this.label}: the feed has no value for input "${name}"; it has ${Object.keys(feed).join(", ") || "none"}`);
      return [name, toOrt(value, this.tensor, `${this.label}: input "${name}"`)];
    }));
  }

  /** onnxruntime-node 1.30 brings the process down when it hands out a 4-bit tensor, so such outputs are refused before. */
  private fetches(outputs: readonly string[]): string[] {
    for (const name of outputs) {
      const index = this.outputNames.indexOf(name);
      if (index < 0) throw new EdgecError("BAD_OPTION", `${this.label}: the model has no output "${name}".${suggestion(name, this.outputNames)}`);
      const metadata = this.session.outputMetadata[index];
      const where = `${this.label}: output "${name}"`;
      if (name === "__proto__") throw new EdgecError("MODEL_REJECTED", `${where} bears a name that onnxruntime's JavaScript API cannot return; rename it`);
      if (metadata && !metadata.isTensor) {
        throw new EdgecError(
          "MODEL_REJECTED", `${where} is a sequence, map or optional value; only models with tensor outputs can be run`,
        );
      }
      if (metadata?.isTensor && !isReadable(metadata.type)) throw unreadableType(where, metadata.type);
    }
    return [...outputs];
  }
}
