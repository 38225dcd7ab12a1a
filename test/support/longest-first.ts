/**
 * The order of test files: those that start processes come first, so that no core waits at the end for a
 * long file that began last. Files that share a process come behind the others, together: a process is
 * given up when a file of another kind is next.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Folders whose tests run whole commands, the longest first. */
const LONG = ["e2e", "examples", "cli", "compress", "docs", "scripts", "conformance", "compare", "fuzz"];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const ordered = await super.sort(files);
    return ordered
      .map((file) => ({ file, rank: rank(file) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ file }) => file);
  }
}

function rank({ moduleId, project }: TestSpecification): number {
  if (!project.config.isolate) return LONG.length + 1;
  const folder = /[/\\]test[/\\]([^/\\]+)[/\\]/.exec(moduleId)?.[1] ?? "";
  const place = LONG.indexOf(folder);
  return place < 0 ? LONG.length : place;
}
