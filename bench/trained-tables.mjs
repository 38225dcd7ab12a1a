/** The tables of the bench on trained models. */
import { printTable, times } from "./table.mjs";
import * as figures from "./trained-figures.mjs";

const { median, spread } = figures;
const SIGN = { classes: "same class", mask: "overlap", neighbours: "same neighbour" };
const decibels = (value) => `${value.toFixed(1)} dB`;

export function printSources(subjects) {
  printTable(
    "trained models",
    ["model", "from", "licence", "asked by name"],
    subjects.map(({ name, package: from, licence, named }) => [name, from, licence, named ? "yes" : "no"]),
  );
}

/** A row for each model: medians over the splits, and from the lowest to the highest decibels. */
export function printEffort(effort, runs) {
  const rows = [...byModel(runs).values()].map((own) => row(effort, own));
  const spreads = [...byModel(runs).values()].map(decibelSpread).filter((value) => value !== undefined);
  const found = spreads.length > 0 ? decibels(median(spreads)) : "-";
  const asked = `over splits: ${found}, asked <= ${figures.MOST_SPREAD_DB}`;
  printTable(
    `--int8 --effort ${effort}, one thread, samples that took no part (median spread ${asked})`,
    [
      "model",
      "size",
      "speed",
      "dB",
      "spread",
      "worst",
      "at output",
      "told",
      "agreement",
      "CPU s",
      "floor",
      "asked",
      "decided",
    ],
    rows,
  );
}

function row(effort, runs) {
  const { subject, failure } = runs.find((run) => run.failure !== undefined) ?? runs[0];
  if (failure !== undefined) return [subject.name, "-", "-", failure, ...Array(9).fill("")];
  const of = (key) => median(runs.map((run) => run[key]));
  const kind = runs[0].kinds.find((name) => name in SIGN);
  const found = { size: of("size"), speed: of("speed"), sqnr: of("sqnr"), seconds: of("cpuSeconds") };
  const agreement = kind === undefined ? undefined : of("agreement");
  return [
    subject.name,
    times(found.size),
    times(found.speed),
    decibels(found.sqnr),
    runs.length > 1 ? decibels(decibelSpread(runs)) : "-",
    decibels(of("worst")),
    decibels(of("atOutput")),
    decibels(of("told")),
    kind === undefined ? "-" : `${(100 * agreement).toFixed(1)} % ${SIGN[kind]}`,
    found.seconds.toFixed(0),
    runs.every(({ atFloor }) => atFloor) ? "at it" : "BELOW",
    asked(subject.name, effort, { ...found, agreement }),
    runs[0].decided || "int8 alone",
  ];
}

function asked(name, effort, found) {
  const own = figures.ASKED[name]?.[effort] ?? {};
  const wanted = effort === "balanced" ? { ...figures.ASKED_OF_ALL, ...own } : own;
  return Object.entries(wanted)
    .map(([key, limit]) => {
      const holds = key === "seconds" ? found[key] <= limit : found[key] >= limit;
      return `${key} ${key === "seconds" ? "<=" : ">="} ${limit}${holds ? "" : " NO"}`;
    })
    .join(", ");
}

const decibelSpread = (runs) =>
  runs.length > 1 && runs.every(({ sqnr }) => sqnr !== undefined)
    ? spread(runs.map(({ sqnr }) => sqnr))
    : undefined;

/** Whether more effort keeps more, beyond chance. */
export function printOrder(efforts, runsOf) {
  const rows = [];
  for (const [k, effort] of efforts.entries())
    for (const less of efforts.slice(0, k)) {
      const before = byModel(runsOf(less));
      for (const [name, runs] of byModel(runsOf(effort))) {
        const other = before.get(name) ?? [];
        if ([...runs, ...other].some(({ failure }) => failure !== undefined)) continue;
        rows.push([name, `${effort} - ${less}`, ...orderCells(effort, less, runs, other)]);
      }
    }
  const heading = "efforts in order, dB on samples that took no part, paired, 95 % by resampling";
  printTable(
    `${heading} (asked: none wholly below 0)`,
    ["model", "efforts", "difference", "interval", "order"],
    rows,
  );
}

function orderCells(effort, less, runs, other) {
  const { low, high, ...found } = figures.pairedDifference(figures.perSample(runs), figures.perSample(other));
  const isWrong =
    high < 0 || (effort === "best" && less === "balanced" && found.median < -figures.MOST_LOST_DB);
  return [found.median.toFixed(2), `${low.toFixed(2)} to ${high.toFixed(2)}`, isWrong ? "WRONG" : "holds"];
}

/** Processor time of both checkouts, in turns. */
export function printAgainst(runs) {
  const both = runs.filter(({ other }) => other?.cpuSeconds !== undefined);
  const ratios = both.map(({ cpuSeconds, other }) => cpuSeconds / other.cpuSeconds);
  const found = both.length > 0 ? median(ratios).toFixed(2) : "-";
  printTable(
    `processor time against the other checkout: median ${found} (asked: 0.5)`,
    ["model", "effort", "split", "CPU s", "before", "ratio", "dB", "before"],
    both.map(({ subject, effort, seed, cpuSeconds, sqnr, other }, k) => [
      subject.name,
      effort,
      seed,
      cpuSeconds.toFixed(1),
      other.cpuSeconds.toFixed(1),
      ratios[k].toFixed(2),
      decibels(sqnr),
      other.sqnr === undefined ? "-" : decibels(other.sqnr),
    ]),
  );
}

function byModel(runs) {
  const found = new Map();
  for (const run of runs) found.set(run.subject.name, [...(found.get(run.subject.name) ?? []), run]);
  return found;
}
