/** Records how far a failed match got, and the reason. */
import type { Found, Misfit } from "./pattern.js";

/**
 * Keeps the failure of the attempt that got furthest. A failure at a different kind of operator or operand
 * counts only up to the node before it: a Sigmoid followed by some Mul does not suggest a Swish.
 */
export class Trace {
  private best: Misfit | undefined;
  private progress = 0;

  /** The nodes that the furthest attempt matched, including the anchor. */
  get reached(): number {
    return this.progress;
  }

  /** The reason for the failure. */
  get reason(): string | undefined {
    const why = this.best?.why;
    return typeof why === "function" ? why() : why;
  }

  add(found: Found, misfit: Misfit): void {
    const progress = found.progress - (misfit.isNear ? 0 : 1);
    if (this.best && progress <= this.progress) return;
    this.best = misfit;
    this.progress = progress;
  }
}
