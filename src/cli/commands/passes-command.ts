/** `edgec passes`: lists all passes, in the order of the registry. */
import type { Command } from "commander";

export function addPasses(program: Command): void {
  program
    .command("passes")
    .description("list every pass with its flag and defaults")
    .option("--json", "print JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const { PASSES } = await import("../../plan/registry.js");
      const rows = PASSES.map(({ name, description, lossy, flag, defaults }) => ({
        name,
        description,
        lossy,
        flag: flag?.syntax ?? null,
        defaults,
      }));
      if (json) return void process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
      for (const { name, description, lossy, flag, defaults } of rows) {
        process.stdout.write(
          `${name}${lossy ? "  (lossy)" : "  (exact)"}${flag === null ? "" : `  ${flag}`}\n  ${description}\n`,
        );
        const options = Object.entries(defaults).map(
          ([key, value]) => `${key}=${JSON.stringify(value) ?? "unset"}`,
        );
        if (options.length > 0) process.stdout.write(`  defaults: ${options.join(", ")}\n`);
      }
    });
}
