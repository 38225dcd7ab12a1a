/** Temporary folders of tests. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";

/** A folder of its own for each test of the file that calls this, removed afterwards. Only tests see its path. */
export function temporaryFolder(): { readonly path: string } {
  let made: string | undefined;
  beforeEach(() => {
    made = mkdtempSync(join(tmpdir(), "edgec-test-"));
  });
  afterEach(() => {
    rmSync(made!, { recursive: true, force: true });
    made = undefined;
  });
  return {
    get path(): string {
      if (made === undefined) throw new Error("a temporary folder is there within a test alone");
      return made;
    },
  };
}

/** A function that makes folders which are gone after each test. */
export function temporaryFolders(): () => string {
  const made: string[] = [];
  afterEach(() => {
    for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    const folder = mkdtempSync(join(tmpdir(), "edgec-test-"));
    made.push(folder);
    return folder;
  };
}
