/** How far a match got that failed, and what stopped it. */
import type { Found, Misfit } from "./pattern.js";

/**
 * Keeps the failure of the attempt that came furthest. One that stopped at an operator or operand of another
 * kind counts as far as the node before it: that a Sigmoid is followed by some Mul is no sign of a Swish.
 */
export class Trace {
  private best: Misfit | undefined;
  private progress = 0;

  /** Nodes that the furthest attempt had found, the anchor among them. */
  get reached(): number {
    return this.progress;
  }

  /** What stopped it. */
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
