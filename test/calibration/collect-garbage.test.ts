import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { UsedMemory } from "../../src/calibration/collect-garbage.js";
import { DataType } from "../../src/ir/index.js";

const MIB = 2 ** 20;

/** Adds tensors of so many bytes, to which nothing refers afterwards. */
function use(used: UsedMemory, mib: number): WeakRef<Float32Array> {
  const data = new Float32Array((mib * MIB) / 4);
  used.add({ x: { dataType: DataType.FLOAT, dims: [data.length], data } });
  return new WeakRef(data);
}

describe("UsedMemory", () => {
  it("frees tensors once there are 128 MiB of them", async () => {
    const used = new UsedMemory();
    const first = use(used, 100);
    const second = use(used, 28);
    // A reference that is made or read holds its target until the turn ends.
    await turn();
    used.free();
    await turn();
    expect([first.deref(), second.deref()]).toEqual([undefined, undefined]);
  });
});
