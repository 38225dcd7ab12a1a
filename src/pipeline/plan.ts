/** From what the user asked for to the passes that will run, in order, with their options bound. */
import { EdgecError } from "../errors.js";
import type { Model } from "../ir/index.js";
import type { Pass } from "../passes/contract.js";
import { Exclusions } from "./names.js";
import { CLEAN_UP, OPTIMIZE, RECIPE, type StepCondition, UNPACK } from "./recipe.js";
import { flagKey, type RegisteredPass } from "./registered-pass.js";
import { type Decisions, type NodeForms, requireNodes } from "./decisions.js";
import { findPass, PASSES } from "./registry.js";
import { type AccuracyAim, needsJudges, type SearchAims } from "./search/search-tools.js";
import type { Device } from "./search/predicted-choice.js";

export interface PlanOptions {
  /** Values of the passes' flags as text, by the flag's name in camelCase: `{ prune: "0.3", int8: "" }`. */
  readonly flags: Readonly<Record<string, string>>;
  /** Options that go to every planned pass which takes one of that name; one that none takes is an error. */
  readonly shared?: Readonly<Record<string, unknown>>;
  /** Nodes and constants that lossy passes leave as they are: names, operator types, #index, patterns with * and ?. */
  readonly exclude?: readonly string[];
  /** The passes in the order in which they run, as names separated by commas or already bound; replaces the recipe. */
  readonly passes?: string | readonly Pass[];
  /** Keep weights as int8 and compute in float. */
  readonly storeOnly?: boolean;
  /** Weights of what int8 leaves in float stay as they are: neither rounded nor stored as int8. */
  readonly plainFloat?: boolean;
  /** How much time to spend on the accuracy of int8; default "fast". */
  readonly effort?: Effort;
  /** Whether gates on accuracy were set, which nodes are then left in float for. */
  readonly hasAccuracyGates?: boolean;
  /** Whether times on this machine say something about the target. */
  readonly isTimed?: boolean;
  /** The target, where times on this machine say nothing about it. */
  readonly device?: Device;
  /** Decisions of an earlier run, which nothing is tried anew for. */
  readonly replay?: Decisions;
  /** Int8 arithmetic stays although it is slower or larger than float. */
  readonly keepInt8?: boolean;
  /** What a search for nodes to leave in float may take, seconds. */
  readonly timeBudget?: number;
}

export interface PlannedStep {
  readonly passes: readonly Pass[];
  /** Runs the passes again until none of them changes the model. */
  readonly untilStable: boolean;
  readonly reason: string;
  /** See `RecipeStep.judgedAfter`. */
  readonly judgedAfter?: string;
  /** Samples are held out as they were in the run that is replayed. */
  readonly wasJudged?: boolean;
  /** Before its last pass runs, nodes are chosen for it to leave in float. */
  readonly search?: SearchAims;
}

export type Plan = readonly PlannedStep[];

/**
 * "fast" quantizes; "balanced" then corrects the biases; "best" tries all that is known to bring accuracy back without
 * labels. What a level tries is kept only where held-out calibration samples say that it helps.
 */
export const EFFORTS = ["fast", "balanced", "best"] as const;
export type Effort = (typeof EFFORTS)[number];

/** The word that stands for all clean-up passes in an explicit order. */
const CLEAN_UP_ALIAS = "clean-up";
/** The word that stands for the clean-up and the passes on structure. */
export const OPTIMIZE_ALIAS = "optimize";
const ALIASES: ReadonlyMap<string, readonly string[]> = new Map([[CLEAN_UP_ALIAS, CLEAN_UP], [OPTIMIZE_ALIAS, OPTIMIZE]]);

/**
 * Throws EdgecError UNKNOWN_PASS, BAD_OPTION for a value out of range, for a flag whose pass does not run, and for a
 * shared option that no planned pass takes. An exclusion that matches nothing in `model` nor in what the exact steps make
 * of it is an error, UNMATCHED_SELECTOR, of the first pass that takes exclusions, or thrown here where none does.
 */
export function planPasses(model: Model, options: PlanOptions): Plan {
  const excluded = new Exclusions(model, options.exclude ?? []);
  if (typeof options.passes === "object") return boundSteps(options.passes, options);
  const steps = options.passes === undefined ? recipeSteps(options) : explicitSteps(options.passes);
  const planned = new Set(steps.flatMap((step) => step.passes));
  refuseIdleFlags(options, planned);
  refuseIdleOptions(options.shared ?? {}, planned);
  refuseIdleExclusions(excluded, planned);
  const plan = steps.map(({ passes, options: own, ...step }) =>
    ({ ...step, passes: passes.map((pass) =>
    bind(pass, withOwn(options, { ...own, ...formOptions(pass, options) }), excluded)) }));
  return options.replay ? replayed(plan, options.replay) : plan;
}

function withOwn(options: PlanOptions, own: Readonly<Record<string, unknown>>): PlanOptions {
  return Object.keys(own).length === 0 ? options : { ...options, shared: { ...options.shared, ...own } };
}

/**
 * What passes are told of each other: where weights that int8 does not compute with stay plain floats, they are not
 * decoded from codes either; and those that are stored at eight bits although fewer were asked for are told of.
 */
function formOptions(
  { name }: RegisteredPass, { flags, plainFloat, shared }: PlanOptions,
): Readonly<Record<string, unknown>> {
  if (name === "store-int8" && typeof shared?.weightBits === "number") return { askedBits: shared.weightBits };
  return name === QUANTIZER && (flags.storage === "plain" || plainFloat === true) ? { oneCopy: false } : {};
}

/** "clean-up, then prune-magnitude, quantize-int8, …" in one line. */
export function planText(plan: Plan): string {
  return plan.map((step) => {
    const names = step.passes.map((pass) => pass.name).join(", ");
    return step.untilStable ? `(${names}) until stable` : names;
  }).join(" → ");
}

/** The same plan without one pass. */
export function withoutPass(plan: Plan, name: string): Plan {
  return plan.map((step) => ({ ...step, passes: step.passes.filter((pass) => pass.name !== name) }));
}

type Step = Omit<PlannedStep, "passes"> & { readonly passes: readonly RegisteredPass[]; readonly options?: Readonly<Record<string, unknown>> };

function recipeSteps(options: PlanOptions): Step[] {
  return RECIPE.filter((step) => isWanted(step.when, options))
    .map(({ passes, ...step }) => ({ ...step, passes: passes.map(findPass), ...(passes.includes(QUANTIZER) ? searchAims(options) : {}) }));
}

/** The pass that the search for forms of nodes is about. */
export const QUANTIZER = "quantize-int8";

/** What "best" aims at where nothing is asked for: outputs below this begin to decide otherwise, dB. */
const FAIR_DB = 32;
/** What that may cost: beyond it little of int8's speed is left. */
const FAIR_SHARE = 0.4;
const FAIR_SECONDS = 90;

function searchAims({ effort = "fast", hasAccuracyGates = false, isTimed = false, device, timeBudget = FAIR_SECONDS }: PlanOptions): { search?: SearchAims } {
  const accuracy: AccuracyAim | undefined = hasAccuracyGates ? { goalDb: FAIR_DB, byGates: true, mostShare: 1, seconds: timeBudget }
    : effort === "best" ? { goalDb: FAIR_DB, byGates: false, mostShare: FAIR_SHARE, seconds: timeBudget } : undefined;
  const speed = isTimed && effort !== "fast";
  return speed || device || accuracy ? { search: { speed, ...(device ? { device } : {}), ...(accuracy ? { accuracy } : {}) } } : {};
}

function isWanted(when: StepCondition, { flags, storeOnly, plainFloat, shared, effort = "fast" }: PlanOptions): boolean {
  const int8 = flags.int8 !== undefined;
  const hasLowBits = typeof shared?.weightBits === "number" && shared.weightBits < 8;
  // Codes of rows with scales of their own would be rounded once more to the one scale of the tensor.
  const isRounded = int8 && shared?.perChannel !== false;
  switch (when) {
    case "always": return true;
    case "int8": return int8;
    case "int8Rounded": return isRounded && effort === "best" && !hasLowBits && plainFloat !== true;
    case "int8Balanced": return int8 && effort !== "fast";
    case "int8Best": return int8 && effort === "best";
    case "lowBits": return isRounded && hasLowBits;
    // Scales per channel would tear a codebook apart, so weights that are clustered stay as they are.
    // Neither is it dense: without folding, each inference would unpack them.
    case "storeInt8": return (int8 || storeOnly === true) && flags.cluster === undefined && flags.storage !== "plain" && plainFloat !== true;
    case "storedAgain": return flags.prune !== undefined && !int8 && storeOnly !== true && flags.cluster === undefined && flags.storage !== "plain";
    // Plain storage asks for dense constants, and chains in functions have to be written out for runtimes that fold none there.
    case "unpacked": return int8 || storeOnly === true || flags.prune !== undefined || flags.cluster !== undefined || flags.storage === "plain" || shared?.functions === false;
    default: return flags[when] !== undefined;
  }
}

/**
 * What was kept runs unasked, what was taken back is left out, and nodes stay float that did. Throws EdgecError BAD_OPTION
 * where a step that was kept is not planned.
 */
export function replayed(plan: Plan, { kept, judged, ...forms }: Decisions): Plan {
  const planned = new Set(plan.flatMap(({ judgedAfter, passes }) => (judgedAfter === undefined ? [] : passes.map(({ name }) => name))));
  const missing = kept.filter((name) => !planned.has(name));
  if (missing.length > 0) throw new EdgecError("BAD_OPTION", `--replay: the run that wrote the report kept "${missing.join('", "')}", which the options given do not try. Give the options of that run, --effort above all.`);
  return plan.filter(({ judgedAfter, passes }) => judgedAfter === undefined || passes.every(({ name }) => kept.includes(name)))
    .map(({ judgedAfter, search, ...step }) => {
      const passes = inForms(step.passes, forms);
      const isFormed = passes !== step.passes;
      // Reports of earlier versions do not say whether samples were held out: it has to be guessed from what was decided.
      const seemsJudged = step.wasJudged === true || judgedAfter !== undefined || (search ? needsJudges(search) : isFormed);
      return { ...step, wasJudged: judged ?? seemsJudged, passes: isFormed ? passes.map((pass) => requiringNodes(pass, forms)) : passes };
    });
}

/** The pass, which refuses a model without the nodes that were decided on: the report would vouch for them anew. */
function requiringNodes(pass: Pass, forms: NodeForms): Pass {
  if (pass.name !== QUANTIZER) return pass;
  return {
    ...pass,
    statistics: (model) => {
      requireNodes(model, forms);
      return pass.statistics(model);
    },
    run: (model, context) => {
      requireNodes(model, forms);
      return pass.run(model, context);
    },
  };
}

/**
 * The passes, told which nodes a search has chosen other forms for; the same array where that says nothing to them.
 * A pass asks for what it would without them as well: which tensors are asked for changes how onnxruntime rounds, and so
 * a search, which measured for all nodes, and a replay of its choice find the same.
 * @param quantizer name of the pass that the search was about
 */
export function inForms(passes: readonly Pass[], { floatNodes, dynamicNodes }: NodeForms, quantizer: string | undefined = QUANTIZER): readonly Pass[] {
  const formed = passes.map((pass) => {
    if (pass.name !== quantizer) return pass;
    const left = floatNodes.length > 0 ? pass.excluding?.(floatNodes) ?? pass : pass;
    const chosen = dynamicNodes.length > 0 ? left.atRunTime?.(dynamicNodes) ?? left : left;
    return chosen === pass ? pass : { ...chosen, statistics: (model: Model) => [...pass.statistics(model), ...chosen.statistics(model)] };
  });
  return formed.some((pass, k) => pass !== passes[k]) ? formed : passes;
}

/** Passes of a caller's own making carry their options with them. */
function boundSteps(passes: readonly Pass[], { flags, shared = {}, exclude = [] }: PlanOptions): Plan {
  const given = [...Object.keys(flags), ...Object.entries(shared).filter(([, value]) => value !== undefined).map(([name]) => name), ...(exclude.length > 0 ? ["exclude"] : [])];
  if (given.length > 0) throw new EdgecError("BAD_OPTION", `passes are given with their options bound, so "${given.join('", "')}" would have no effect. Leave it out.`);
  return passes.map((pass) => ({ passes: [pass], untilStable: false, reason: "asked for" }));
}

function explicitSteps(text: string): Step[] {
  const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (names.length === 0) throw new EdgecError("BAD_OPTION", '--passes needs names separated by commas, such as "clean-up,prune-magnitude,encode-weights".');
  const steps = names.map((name) => ({ passes: (ALIASES.get(name) ?? [name]).map(findPass), untilStable: ALIASES.has(name), reason: "asked for" }));
  // A clean-up before lossy passes brings the weights to light that they are asked to change, as the recipe does.
  const isNeeded = steps.some(({ untilStable }) => untilStable) && steps.some(({ passes }) => passes.some(({ lossy }) => lossy)) && !names.includes("unpack-weights");
  return isNeeded ? [{ passes: UNPACK.map(findPass), untilStable: false, reason: "before lossy passes" }, ...steps] : steps;
}

function refuseIdleFlags({ flags }: PlanOptions, planned: ReadonlySet<RegisteredPass>): void {
  for (const pass of PASSES) {
    if (!pass.flag || flags[flagKey(pass.flag)] === undefined || planned.has(pass)) continue;
    throw new EdgecError("BAD_OPTION", `--${flagKey(pass.flag)} sets options of the pass "${pass.name}", which --passes does not name. Add it there or leave the flag out.`);
  }
}

function refuseIdleOptions(shared: Readonly<Record<string, unknown>>, planned: ReadonlySet<RegisteredPass>): void {
  for (const [name, value] of Object.entries(shared)) {
    if (value === undefined || [...planned].some((pass) => name in pass.defaults)) continue;
    const takers = PASSES.filter((pass) => name in pass.defaults).map((pass) => (pass.flag ? pass.flag.syntax.split(" ")[0] : pass.name));
    throw new EdgecError("BAD_OPTION", `--${FLAG_NAMES.get(name) ?? kebab(name)} has no effect here: none of the passes that run takes it. It goes with ${takers.join(" or ") || "no pass"}.`);
  }
}

function refuseIdleExclusions({ selectors, unmatched }: Exclusions, planned: ReadonlySet<RegisteredPass>): void {
  if (selectors.length === 0 || [...planned].some(takesExclusions)) return;
  throw unmatched ?? new EdgecError("BAD_OPTION", "--exclude has no effect here: it keeps nodes and constants from lossy passes, and none runs. It goes with --prune, --int8, --cluster or --storage int8.");
}

function takesExclusions({ lossy, defaults }: RegisteredPass): boolean {
  return lossy && "exclude" in defaults;
}

/** Flags that are not named after the option they set. */
const FLAG_NAMES: ReadonlyMap<string, string> = new Map([["perChannel", "per-tensor"]]);

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/**
 * Binds a pass to its flag and the shared options. Exclusions are bound anew when it runs: earlier passes add, split and
 * remove nodes, and a pass refuses names that its model does not have.
 */
function bind(pass: RegisteredPass, { flags, shared }: PlanOptions, excluded: Exclusions): Pass {
  const text = pass.flag && flags[flagKey(pass.flag)];
  const own = Object.fromEntries(Object.entries(shared ?? {}).filter(([name, value]) => name in pass.defaults && value !== undefined));
  const options = { ...own, ...(text === undefined ? {} : pass.flag?.parse(text)) };
  const bound = pass.bind(options);
  return takesExclusions(pass) ? withSelections(pass, bound, options, { excluded, floatNodes: [], dynamic: [] }) : bound;
}

/** What a pass is told at the moment it runs. */
interface Selections {
  /** What the user left out. */
  readonly excluded: Exclusions;
  /** Nodes that a search chose other forms for, by their names in the very model that the pass runs on. */
  readonly floatNodes: readonly string[];
  readonly dynamic: readonly string[];
}

function withSelections(pass: RegisteredPass, bound: Pass, options: Readonly<Record<string, unknown>>, selections: Selections): Pass {
  const { excluded, floatNodes, dynamic } = selections;
  // In the report stands what was excluded in the user's words.
  const shown = [...excluded.selectors, ...floatNodes];
  const selecting = (model: Model): Pass => (shown.length + dynamic.length === 0 ? bound : pass.bind({
    ...options, exclude: [...excluded.in(model), ...floatNodes],
    ...("leftInFloat" in pass.defaults ? { leftInFloat: floatNodes } : {}), ...(dynamic.length > 0 ? { dynamic } : {}),
  }));
  const more = (added: Partial<Selections>): Pass => withSelections(pass, bound, options, { ...selections, ...added });
  return {
    ...bound,
    options: { ...bound.options, ...(shown.length > 0 ? { exclude: shown } : {}), ...(dynamic.length > 0 ? { dynamic } : {}) },
    statistics: (model) => selecting(model).statistics(model),
    run: (model, context) => selecting(model).run(model, context),
    excluding: (names) => more({ floatNodes: [...floatNodes, ...names] }),
    ...("dynamic" in pass.defaults ? { atRunTime: (names: readonly string[]) => more({ dynamic: [...dynamic, ...names] }) } : {}),
  };
}
