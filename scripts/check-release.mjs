/**
 * What must hold before a release, and not before: no placeholder in package.json, one version everywhere,
 * an entry in the changelog, and bench results of this version. Says everything that is missing.
 */
import { existsSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

/** Stands in package.json for what only the owner of the repository knows. */
const PLACEHOLDER = "OWNER";
/** Other files that name the repository. */
const PLACES = [".github/ISSUE_TEMPLATE/config.yml", "README.md", "SECURITY.md"];
const NEEDED = ["author", "license", "repository", "homepage", "bugs"];

/** @returns what is missing, a sentence each */
export function faultsOfRelease(folder = ".") {
  const read = (path) => readFileSync(`${folder}/${path}`, "utf8");
  const manifest = JSON.parse(read("package.json"));
  const { version } = manifest;
  const results = `bench/results/${version}.csv`;
  return [
    ...NEEDED.filter((key) => manifest[key] === undefined).map((key) => `package.json has no "${key}".`),
    ...NEEDED.filter((key) => JSON.stringify(manifest[key] ?? "").includes(PLACEHOLDER)).map(
      (key) => `package.json: "${key}" still holds the placeholder ${PLACEHOLDER}. Put in the real value.`,
    ),
    ...PLACES.filter((path) => existsSync(`${folder}/${path}`) && read(path).includes(PLACEHOLDER)).map(
      (path) => `${path} still holds the placeholder ${PLACEHOLDER}. Put in the real value.`,
    ),
    ...(read("src/version.ts").includes(`"${version}"`)
      ? []
      : [`src/version.ts has another version than package.json (${version}).`]),
    ...(read("CHANGELOG.md").includes(version) ? [] : [`CHANGELOG.md does not mention ${version}.`]),
    ...(existsSync(`${folder}/${results}`)
      ? []
      : [`${results} is missing. Record it with "npm run bench -- --csv".`]),
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const faults = faultsOfRelease();
  for (const fault of faults) console.error(fault);
  if (faults.length === 0) console.log("Ready for a release.");
  process.exitCode = faults.length > 0 ? 1 : 0;
}
