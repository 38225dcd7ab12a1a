/** Wraps a session of onnxruntime (either package) in edgec's interface. */
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { BadDataError, EdgecError, suggestion } from "../errors.js";
import type { Feed } from "../ir/index.js";
import { rejection } from "./rejection.js";
import type { LocalSession, OptimizationLevel, UsedLevel } from "./runtime.js";
import { fromOrt, isReadable, toOrt, unreadableType, type TensorConstructor } from "./tensors.js";

/** A name that is lost in the package's plain objects. */
const LOST_NAME = "__proto__";

export class OrtSession implements LocalSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];

  constructor(
    private readonly session: InferenceSession,
    private readonly tensor: TensorConstructor,
    /** Name of the model in messages. */
    private readonly label: string,
    private readonly level: OptimizationLevel = "all",
  ) {
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
  }

  async run(feed: Feed, outputs: readonly string[] = this.returnable()): Promise<Feed> {
    const results = await this.execute(this.feeds(feed), this.fetches(outputs));
    return Object.fromEntries(
      outputs.map((name) => {
        const tensor = results[name];
        if (!tensor)
          throw new EdgecError(
            "MODEL_REJECTED",
            `${this.label}: onnxruntime returned no value for output "${name}"`,
          );
        return [name, fromOrt(tensor, `${this.label}: output "${name}"`)];
      }),
    );
  }

  /** onnxruntime runs all nodes whatever is fetched, so timing includes outputs that it cannot return. */
  bind(feed: Feed): Promise<() => Promise<unknown>> {
    const feeds = this.feeds(feed);
    const fetches = this.fetches(this.returnable());
    return Promise.resolve(() => this.execute(feeds, fetches));
  }

  usedLevel(): Promise<UsedLevel> {
    return Promise.resolve({ level: this.level });
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  private async execute(
    feeds: Record<string, Tensor>,
    fetches: string[],
  ): Promise<Readonly<Record<string, Tensor>>> {
    try {
      return await this.session.run(feeds, fetches);
    } catch (cause) {
      throw rejection(cause, this.label, "run");
    }
  }

  /**
   * Leaves out values that are not inputs of this model: parts of a model run on the feeds of the whole
   * model.
   */
  private feeds(feed: Feed): Record<string, Tensor> {
    return Object.fromEntries(
      this.inputNames.map((name) => {
        const value = Object.hasOwn(feed, name) ? feed[name] : undefined;
        if (!value)
          throw new BadDataError(
            `${this.label}: the feed has no value for input "${name}"; it has ` +
              (Object.keys(feed).join(", ") || "none"),
          );
        return [name, toOrt(value, this.tensor, `${this.label}: input "${name}"`)];
      }),
    );
  }

  /** Throws EdgecError MODEL_REJECTED if there are none. */
  private returnable(): string[] {
    const names = this.outputNames.filter((name, index) => {
      const metadata = this.session.outputMetadata[index];
      return name !== LOST_NAME && (!metadata || (metadata.isTensor && isReadable(metadata.type)));
    });
    if (names.length > 0) return names;
    const [only = ""] = this.outputNames;
    this.fetches([only]);
    throw new EdgecError(
      "MODEL_REJECTED",
      `${this.label}: onnxruntime's JavaScript API can return none of its outputs`,
    );
  }

  /**
   * onnxruntime-node 1.30 crashes the process when it returns a 4-bit tensor, so such outputs are refused
   * first.
   */
  private fetches(outputs: readonly string[]): string[] {
    for (const name of outputs) {
      const index = this.outputNames.indexOf(name);
      if (index < 0)
        throw new EdgecError(
          "BAD_OPTION",
          `${this.label}: the model has no output "${name}".${suggestion(name, this.outputNames)}`,
        );
      const metadata = this.session.outputMetadata[index];
      const where = `${this.label}: output "${name}"`;
      if (name === LOST_NAME) {
        throw new EdgecError(
          "MODEL_REJECTED",
          `${where} has a name that onnxruntime's JavaScript API cannot return. Rename it.`,
        );
      }
      if (metadata && !metadata.isTensor) {
        throw new EdgecError(
          "MODEL_REJECTED",
          `${where} is a sequence, map or optional value, which onnxruntime's JavaScript API cannot return`,
        );
      }
      if (metadata?.isTensor && !isReadable(metadata.type)) throw unreadableType(where, metadata.type);
    }
    return [...outputs];
  }
}
