/** `edgec targets`: lists the devices for --target, and which of them this machine is. */
import type { Command } from "commander";

export function addTargets(program: Command): void {
  program
    .command("targets")
    .description("list the devices for --target, and which of them this machine is")
    .option("--json", "print JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const [{ NATIVE, PROFILES, resolveTarget }, { jsonText }, { targetsText }] = await Promise.all([
        import("../../targets/index.js"),
        import("../../report/formats/json.js"),
        import("../targets-text.js"),
      ]);
      const { profile, origin = "" } = resolveTarget(NATIVE);
      const native = { profile: profile.name, reason: origin };
      process.stdout.write(
        json === true ? jsonText({ native, targets: PROFILES }) : targetsText(PROFILES, native),
      );
    });
}
