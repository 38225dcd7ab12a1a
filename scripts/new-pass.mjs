/**
 * Starts a new pass: its file, its line in the registry, a unit test, and two golden cases. What is written
 * builds and passes its tests. Its one change, of Relu behind Relu, is an example to replace.
 *
 * npm run new-pass -- shrink-things                 src/passes/graph/shrink-things.ts
 * npm run new-pass -- shrink-things --kind prune    src/passes/prune/shrink-things.ts
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  options: { kind: { type: "string", default: "graph" } },
  allowPositionals: true,
});
const [name = ""] = positionals;
const { kind } = values;
const identifier = name.replaceAll(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const typeName = identifier.charAt(0).toUpperCase() + identifier.slice(1);

if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)+$/.test(name))
  end(`Give the pass a name of a verb and an object with a hyphen between, such as "fold-constants".`);
if (!existsSync(`src/passes/${kind}`)) end(`There is no folder src/passes/${kind}. Choose one that exists.`);
if (existsSync(`src/passes/${kind}/${name}.ts`)) end(`src/passes/${kind}/${name}.ts exists already.`);

write(
  `src/passes/${kind}/${name}.ts`,
  `/**
 * ${name}: what it does, in a line.
 *
 *   before        →        after
 *
 * What it handles, what it does not, and why. Source of the method.
 */
import { GraphEditor, isOp } from "../../ir/index.js";
import { definePass } from "../define-pass.js";

export interface ${typeName}Options {
  /** Operator types to leave as they are. */
  readonly skip: readonly string[];
}

export const ${identifier} = definePass<${typeName}Options>({
  name: "${name}",
  description: "Apply Relu once where it follows itself",
  lossy: false,
  defaults: { skip: [] },
  run(model, { skip }) {
    let changed = 0;
    for (const editor of GraphEditor.forModel(model)) {
      for (const node of [...editor.graph.nodes]) {
        // An example: write here what your pass looks for, and change the graph through the editor.
        const before = editor.producer(node.inputs[0] ?? "");
        if (skip.includes(node.opType) || !isOp(node, "Relu") || !isOp(before, "Relu")) continue;
        editor.setInput(node, 0, before.inputs[0] ?? "");
        const [unread = ""] = before.outputs;
        if (!editor.isOutput(unread) && editor.consumers(unread).length === 0) editor.removeNodes(before);
        changed++;
      }
    }
    return { modified: changed > 0, stats: { nodesChanged: changed }, nodes: [], diagnostics: [] };
  },
});
`,
);
write(
  `test/passes/${kind}/${name}.test.ts`,
  `import { describe, expect, it } from "vitest";
import { makeNode } from "../../../src/ir/index.js";
import { ${identifier} } from "../../../src/passes/${kind}/${name}.js";
import { CONTEXT } from "../../support/running.js";
import { tiny } from "../../support/tiny-models.js";

describe("${name}", () => {
  it("changes what it looks for, once", async () => {
    const model = tiny([makeNode("Relu", ["x"], ["a"]), makeNode("Relu", ["a"], ["y"])]);
    const pass = ${identifier}();
    expect(await pass.run(model, CONTEXT)).toMatchObject({ modified: true, stats: { nodesChanged: 1 } });
    expect(model.graph.nodes.map(({ inputs }) => inputs)).toEqual([["x"]]);
    expect((await pass.run(model, CONTEXT)).modified).toBe(false);
  });

  it("leaves alone what it is told to skip", async () => {
    const model = tiny([makeNode("Relu", ["x"], ["a"]), makeNode("Relu", ["a"], ["y"])]);
    expect((await ${identifier}({ skip: ["Relu"] }).run(model, CONTEXT)).modified).toBe(false);
  });
});
`,
);
golden(
  "relu-twice",
  "Of two Relus in a row, the first goes.",
  "  %a = Relu(%x)\n  %y = Relu(%a)\n",
  "  %y = Relu(%x)\n",
);
golden("other-operator-stays", "The pass knows nothing of Neg.", "  %y = Neg(%x)\n");
register();
console.log(`Next: write the pass and its tests (docs/internals/writing-a-pass.md), and give it a place in
src/plan/recipe.ts if it belongs to the main job. Then run
  npx vitest run test/passes/${kind}/${name}.test.ts test/golden && npm run docs`);

/** A case as test/golden/README.md describes it; without `after`, the pass leaves the model as it is. */
function golden(title, sentence, before, after) {
  const model = (nodes) =>
    `model ir=8 ai.onnx=17\ngraph g {\n  input %x: f32[2]\n${nodes}  output %y: f32[2]\n}\n`;
  const result = after === undefined ? "unchanged\n" : model(after);
  const text = `${sentence}\n=== before\n${model(before)}=== after\n${result}`;
  write(`test/golden/${name}/${title}.txt`, text);
}

/** Adds the import and the last line of the list. */
function register() {
  const path = "src/plan/registry.ts";
  const before = readFileSync(path, "utf8");
  const importLine = `import { ${identifier} } from "../passes/${kind}/${name}.js";\n`;
  const after = before
    .replace(/(?=import \{ registered)/, importLine)
    .replace(/(?<=\bPASSES\b[^\n]*\[\n[^]*?)(?=^\];)/m, `  registered(${identifier}),\n`);
  if (!after.includes(importLine) || !after.includes(`registered(${identifier}),`))
    end(`${path} does not look as expected. Add the pass to its list by hand.`);
  writeFileSync(path, after);
  console.log(`changed  ${path}`);
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`written  ${path}`);
}

function end(message) {
  console.error(message);
  process.exit(2);
}
