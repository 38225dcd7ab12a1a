/** The tree says where the next one belongs: what is registered lies in one folder, one object in each file. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { DATA_FORMATS } from "../../src/data/data-formats.js";
import { STORAGE_FORMS } from "../../src/passes/encode/storage-forms.js";
import { REPORT_FORMATS } from "../../src/report/report-formats.js";
import { TARGETS } from "../../src/targets/profiles.js";

const REGISTRIES: readonly (readonly [string, readonly object[]])[] = [
  ["src/data/formats", DATA_FORMATS],
  ["src/report/formats", REPORT_FORMATS],
  ["src/passes/encode/forms", STORAGE_FORMS],
  ["src/targets/devices", TARGETS],
];

it.each(REGISTRIES)("each file of %s has one of the registered objects", async (folder, registered) => {
  const counts = await Promise.all(
    readdirSync(folder).map(async (file): Promise<[string, unknown[]]> => {
      const url = pathToFileURL(join(folder, file)).href;
      const exported = Object.values((await import(/* @vite-ignore */ url)) as Record<string, unknown>);
      return [file, exported.filter((value) => registered.includes(value as object))];
    }),
  );
  expect(counts.filter(([, own]) => own.length !== 1).map(([file]) => file)).toEqual([]);
  expect(new Set(counts.flatMap(([, own]) => own))).toEqual(new Set(registered));
});
