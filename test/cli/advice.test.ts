/**
 * Checks what edgec tells people to type: every flag, command and pass exists, and the advice does what it
 * promises.
 */
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import {
  attribute,
  DataType,
  emptyGraph,
  floatTensor,
  makeNode,
  type Model,
  tensorValue,
} from "../../src/ir/index.js";
import { encodeModelBytes, readModel } from "../../src/onnx/index.js";
import { spelledAsFlags } from "../../src/cli/flag-names.js";
import { buildProgram } from "../../src/cli/program.js";
import { PASSES } from "../../src/plan/registry.js";
import type { Report } from "../../src/report/report.js";
import { npyBytes, npzBytes } from "../support/npy-bytes.js";
import { normalArray } from "../support/seeded.js";
import { choose } from "../support/made-candidates.js";
import { edgec } from "../support/run-edgec.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { thoroughly } from "../support/thorough.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function textsUnder(folder: string, ending: string): { path: string; text: string }[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(ROOT, folder, name), "utf8") }));
}

/** String literals of the source, any of which may be printed. */
const SOURCE = textsUnder("src", ".ts").map(({ path, text }) => {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  return {
    path,
    text: [...code.matchAll(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g)]
      .map(([literal]) => literal)
      .join("\n"),
  };
});
const DOCS = [
  ...textsUnder("docs", ".md"),
  { path: "README.md", text: readFileSync(join(ROOT, "README.md"), "utf8") },
];

const program = buildProgram();
const commands = program.commands.map((command) => command.name());
/** Flags of Node and of the project's scripts that texts mention. */
const FOREIGN: readonly string[] = [
  "--expose-gc",
  "--heap-growing-percent",
  "--compact-on-every-full-gc",
  "--no-compact-on-every-full-gc",
  "--max-old-space-size",
  "--disallow-code-generation-from-strings",
  "--permission",
  "--allow-fs-read",
  "--allow-fs-write",
  "--allow-child-process",
  "--allow-worker",
  "--allow-addons",
  "--prefix",
  "--reader",
  "--splits",
  "--only",
  "--against",
  "--no-deps",
  "--seconds",
  "--cases",
  "--shrink",
  "--allow-fs",
  "--inspect",
  "--package",
  "--times",
  "--kind",
  "--prune-channels",
];

/** The report's statement of what edgec did. */
const VERBS: readonly string[] = ["made", "wrote", "reads", "takes", "ran", "was", "cannot", "report"];

describe("what is printed and documented", () => {
  it("mentions only options that exist", () => {
    const known = new Set(
      [program, ...program.commands].flatMap((command) =>
        command.options.flatMap(({ long, negate }) =>
          long ? [long, ...(negate ? [long.replace("--no-", "--")] : [])] : [],
        ),
      ),
    );
    const unknown = [...SOURCE, ...DOCS]
      .flatMap(({ path, text }) =>
        [...text.matchAll(/(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9]/g)].map(([flag]) => ({ path, flag })),
      )
      .filter(({ flag }) => !known.has(flag) && !["--help", "--version", ...FOREIGN].includes(flag));
    expect(unknown).toEqual([]);
  });

  it("mentions only commands that exist", () => {
    const named = [...SOURCE, ...DOCS]
      .flatMap(({ text }) => [...text.matchAll(/["`]edgec ([a-z]+)/g)].map(([, command]) => command))
      .filter((word) => !VERBS.includes(word!));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((command) => !commands.includes(command!))).toEqual([]);
  });

  it("lists only passes that exist", () => {
    const names = new Set([...PASSES.map(({ name }) => name), "clean-up", "optimize"]);
    const lists = [...SOURCE, ...DOCS].flatMap(({ text }) =>
      [
        ...text.matchAll(
          /--passes[^\n]{0,80}?"([a-z0-9-]+(?:,[a-z0-9-]+)*)"|such as "([a-z0-9-]+(?:,[a-z0-9-]+)+)"/g,
        ),
      ].map(([, a, b]) => a ?? b!),
    );
    expect(lists.length).toBeGreaterThan(0);
    expect(lists.flatMap((list) => list.split(",")).filter((name) => !names.has(name))).toEqual([]);
  });
});

const temporary = temporaryFolder();
const at = (name: string): string => join(temporary.path, name);

/** Three convolutions, half of whose channels are dead. */
function convolutional(): Model {
  const dead = (count: number, per: number, seed: number): Float32Array =>
    normalArray(count * per, seed, 0.2).map((value, k) => (Math.floor(k / per) % 2 === 0 ? value : 0));
  const conv = (input: string, k: number, output: string, pad: number) => [
    makeNode(
      "Conv",
      [input, `w${k}`, `b${k}`],
      [`c${k}`],
      [attribute.ints("pads", [pad, pad, pad, pad])],
      `conv${k}`,
    ),
    makeNode("Relu", [`c${k}`], [output], [], `relu${k}`),
  ];
  const graph = {
    ...emptyGraph("g"),
    nodes: [...conv("x", 0, "r0", 0), ...conv("r0", 1, "r1", 1), ...conv("r1", 2, "y", 0)],
    initializers: [
      floatTensor("w0", [32, 3, 1, 1], dead(32, 3, 1)),
      floatTensor("b0", [32], dead(32, 1, 2)),
      floatTensor("w1", [32, 32, 3, 3], dead(32, 288, 3)),
      floatTensor("b1", [32], dead(32, 1, 4)),
      floatTensor("w2", [32, 32, 1, 1], dead(32, 32, 5)),
      floatTensor("b2", [32], dead(32, 1, 6)),
    ],
    inputs: [tensorValue("x", DataType.FLOAT, ["n", 3, 12, 12])],
    outputs: [tensorValue("y", DataType.FLOAT)],
  };
  return {
    irVersion: 8n,
    opsetImports: [{ domain: "", version: 17n }],
    graph,
    functions: [],
    trainingInfo: [],
    deviceConfigurations: [],
  };
}

/** The options that a message suggests, as a person would type them. */
function advised(message: string): string[] {
  return [...message.matchAll(/(?<![\w-])(--[a-z][a-z0-9-]*)(?: "([^"]+)")?/g)].flatMap(([, flag, value]) =>
    value === undefined ? [flag!] : [flag!, value],
  );
}

/** Runs the command again with the options that the warning suggests. */
async function followed(
  message: string,
  args: readonly string[],
): Promise<{ report: Report; bytes: number; original: number }> {
  const options = advised(message);
  expect(options.length).toBeGreaterThan(0);
  const { code, stderr, stdout } = await edgec([
    "compress",
    at("m.onnx"),
    "--int8",
    "--calib",
    at("c.npz"),
    ...args,
    ...options,
    "-o",
    at("out.onnx"),
    "--json",
  ]);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("error") as string]);
  const report = JSON.parse(stdout) as Report;
  return { report, bytes: report.size.compressed.raw, original: report.size.original.raw };
}

const isInInt8 = ({ nodes }: Report): boolean =>
  nodes.some(
    ({ pass, opType, status }) => pass === "quantize-int8" && opType === "Conv" && status === "changed",
  );

describe("the advice to keep int8 arithmetic", () => {
  beforeEach(async () => {
    await writeFile(at("m.onnx"), encodeModelBytes(convolutional()));
    await writeFile(at("c.npz"), npzBytes({ x: npyBytes("<f4", [24, 3, 12, 12], normalArray(24 * 432, 9)) }));
    await writeFile(
      at("slow.json"),
      JSON.stringify({
        extends: "arm64",
        costs: {
          conv: 5,
          pointwiseConv: 5,
          depthwiseConv: 5,
          staticMatMul: 5,
          dynamicMatMul: 5,
          lstm: 5,
          requantizer: 5,
          gather: 80,
          quantize: 14,
          dequantize: 13,
        },
      }),
    );
  });

  it("gives a smaller int8 model where int8 was replaced as a whole on this machine", async () => {
    const { warning } = await spelledAsFlags(() =>
      choose({ flags: { int8: "" } }, { speedup: 0.5 }, { speedup: 1, bytes: 400 }),
    );
    const { report, bytes, original } = await followed(warning!, []);
    expect(isInInt8(report)).toBe(true);
    expect(readModel(at("out.onnx")).graph.nodes.some(({ opType }) => opType === "QuantizeLinear")).toBe(
      true,
    );
    // One byte for each of four, a scale and a code of the bias for each of 96 channels, and what names take.
    expect(bytes).toBeLessThan(original / 4 + 96 * 8 + 3000);
  });

  thoroughly("keeps int8 where the costs of a device speak against it", async () => {
    const target = ["--target", at("slow.json")];
    const first = await edgec([
      "compress",
      at("m.onnx"),
      "--int8",
      "--calib",
      at("c.npz"),
      ...target,
      "-o",
      at("float.onnx"),
      "--json",
    ]);
    expect(first.code).toBe(0);
    const report = JSON.parse(first.stdout) as Report;
    expect(isInInt8(report)).toBe(false);
    const warning = report.warnings.find(
      ({ id }) => id === "compress/int8-unpaid" || id === "compress/fell-back",
    );
    const { report: second, bytes } = await followed(warning!.message, target);
    expect([isInInt8(second), second.target?.name]).toEqual([true, "slow"]);
    expect(bytes).toBeLessThan(report.size.original.raw / 2);
  });

  it.each([
    ["without --int8", ["--prune", "0.5"], "but --int8 is not given. Add --int8."],
    [
      "with --passes",
      ["--passes", "quantize-int8"],
      "has no effect with --passes, which run exactly as listed.",
    ],
  ])("is refused %s, which it has no effect on", async (_, args, message) => {
    const { code, stderr } = await edgec([
      "compress",
      at("m.onnx"),
      "--keep-int8",
      ...args,
      "-o",
      at("out.onnx"),
    ]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message) as string]);
  });
});

it("says how to upgrade an old operator set with --passes, and that works", async () => {
  const model = convolutional();
  model.opsetImports = [{ domain: "", version: 10n }];
  await writeFile(at("old.onnx"), encodeModelBytes(model));
  const run = async (passes: string): Promise<Report> =>
    JSON.parse(
      (
        await edgec([
          "compress",
          at("old.onnx"),
          "--passes",
          passes,
          "--json",
          "--no-verify",
          "-o",
          at(`${passes.length}.onnx`),
        ])
      ).stdout,
    ) as Report;
  const told = (await run("quantize-int8")).warnings.find(({ id }) => id === "quantize-int8/old-opset");
  const [, name] = /put "([a-z-]+)" before this one/.exec(told!.message)!;
  expect((await run(`${name},quantize-int8`)).warnings.map(({ id }) => id)).not.toContain(
    "quantize-int8/old-opset",
  );
});
