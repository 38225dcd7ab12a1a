/**
 * Makes a failing case smaller: fewer passes, fewer outputs, fewer nodes, as long as it fails in the same
 * way.
 */
import { copyModel, GraphEditor, tensorValue, type Graph } from "../../src/ir/index.js";
import { removeDead } from "../../src/passes/graph/remove-dead.js";
import type { Case, Examiner, Outcome } from "./differential.js";
import { valueOf, type Generated } from "./generate.js";
import { count } from "./graph-builder.js";
import type { FuzzStep } from "./pass-lists.js";
import { Random } from "../support/random.js";

/** Attempts after which it is small enough. */
const MOST_ATTEMPTS = 400;

export async function shrink(
  given: Case,
  values: Generated["values"],
  examiner: Examiner,
  detail: string,
): Promise<Case> {
  let best = given;
  let left = MOST_ATTEMPTS;
  const kind = kindOf(detail);
  const fails = async (candidate: Case): Promise<boolean> => {
    if (left-- <= 0) return false;
    const outcome: Outcome = await examiner.examine(candidate).catch(() => ({ kind: "cannot run" }));
    return outcome.kind === "fault" && kindOf(outcome.detail) === kind;
  };
  for (let changed = true; changed && left > 0;) {
    changed = false;
    for (const candidate of candidates(best, values)) {
      const smaller = await candidate();
      if (!smaller || !(await fails(smaller))) continue;
      best = smaller;
      changed = true;
      break;
    }
  }
  return best;
}

/** What the failure is about, without names and numbers. */
function kindOf(detail: string): string {
  return detail.replaceAll(/"[^"]*"|[\d.e+-]+|\[[^\]]*\]/g, "").slice(0, 60);
}

type Candidate = () => Promise<Case | undefined>;

function candidates(given: Case, values: Generated["values"]): Candidate[] {
  const {
    plan: { steps },
    model: { graph },
  } = given;
  return [
    ...steps.map(
      (_, at): Candidate =>
        () =>
          withSteps(
            given,
            steps.filter((__, k) => k !== at),
          ),
    ),
    ...steps.flatMap((step, at) =>
      step.passes.map(
        (_, which): Candidate =>
          () =>
            step.passes.length < 2
              ? Promise.resolve(undefined)
              : withSteps(
                  given,
                  steps.map((other, k) => (k === at ? withoutPass(step, which) : other)),
                ),
      ),
    ),
    () =>
      Promise.resolve(
        given.plan.withData ? { ...given, plan: { ...given.plan, withData: false } } : undefined,
      ),
    ...graph.outputs.map(
      (_, at): Candidate =>
        () =>
          graph.outputs.length < 2
            ? Promise.resolve(undefined)
            : edited(given, (smaller) => (smaller.outputs = smaller.outputs.filter((__, k) => k !== at))),
    ),
    ...graph.nodes.map(
      (_, at): Candidate =>
        () =>
          withoutNode(given, values, graph.nodes.length - 1 - at),
    ),
    ...graph.nodes.map(
      (_, at): Candidate =>
        () =>
          endingAt(given, at),
    ),
    () =>
      graph.valueInfo.length === 0
        ? Promise.resolve(undefined)
        : edited(given, (smaller) => (smaller.valueInfo = [])),
  ];
}

function withoutPass(step: FuzzStep, which: number): FuzzStep {
  return { ...step, passes: step.passes.filter((_, k) => k !== which) };
}

function withSteps(given: Case, steps: readonly FuzzStep[]): Promise<Case> {
  return Promise.resolve({ ...given, plan: { ...given.plan, steps } });
}

async function edited(given: Case, edit: (graph: Graph) => unknown): Promise<Case> {
  const model = copyModel(given.model);
  edit(model.graph);
  await removeDead().run(model, { statistics: undefined, evaluator: undefined, seed: 0 });
  return { ...given, model };
}

/** The node's outputs become inputs that are fed. */
async function withoutNode(given: Case, values: Generated["values"], at: number): Promise<Case | undefined> {
  const node = given.model.graph.nodes[at];
  const made = node?.outputs.map((name) => values.find((value) => value.name === name)) ?? [];
  if (!node || made.length === 0 || given.model.graph.outputs.some(({ name }) => node.outputs.includes(name)))
    return undefined;
  const known = made.filter((value) => value !== undefined);
  const random = new Random(at + 1);
  const fed = (): Case["feed"] =>
    Object.fromEntries(
      known.map(({ name, type, dims }) => [name, valueOf(type, dims, random.floats(count(dims), 1))]),
    );
  const smaller = await edited(given, (graph) => {
    graph.nodes = graph.nodes.filter((_, k) => k !== at);
    graph.inputs.unshift(...known.map(({ name, type, dims }) => tensorValue(name, type, dims)));
    graph.valueInfo = graph.valueInfo.filter((value) => !known.some(({ name }) => name === value.name));
  });
  return {
    ...smaller,
    feed: { ...given.feed, ...fed() },
    feeds: given.feeds.map((feed) => ({ ...feed, ...fed() })),
  };
}

/** An earlier value as the only output. */
function endingAt(given: Case, at: number): Promise<Case | undefined> {
  const [name] = given.model.graph.nodes[at]?.outputs ?? [];
  const { outputs, nodes } = given.model.graph;
  if (
    !name ||
    at === nodes.length - 1 ||
    outputs.some((output) => output.name === name) ||
    !GraphEditor.forMainGraph(given.model).producer(name)
  )
    return Promise.resolve(undefined);
  return edited(given, (graph) => (graph.outputs = [{ name }]));
}
