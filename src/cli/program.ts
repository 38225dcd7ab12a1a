/** The commander program. Each command loads the rooms it works with when it runs, so that `--help` stays fast. */
import { Command } from "commander";
import { suggestion, EdgecError } from "../errors.js";
import { addBench } from "./commands/bench.js";
import { addCompress } from "./commands/compress.js";
import { addDemo } from "./commands/demo.js";
import { addInspect } from "./commands/inspect.js";
import { addOptimize } from "./commands/optimize.js";
import { addPasses } from "./commands/passes.js";
import { addSensitivity } from "./commands/sensitivity.js";
import { addTargets } from "./commands/targets.js";
import { addVerify } from "./commands/verify.js";
import { refuseRepeated } from "./repeated-options.js";
import { VERSION } from "../version.js";

export function buildProgram(): Command {
  const program = new Command("edgec")
    .description("Makes ONNX models small and fast enough for edge devices, and proves it.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .showHelpAfterError('(run "edgec --help" for the commands, or "edgec help <command>" for one of them)')
    .exitOverride();
  for (const add of [addCompress, addOptimize, addVerify, addInspect, addBench, addSensitivity, addPasses, addTargets, addDemo]) add(program);
  for (const command of program.commands) refuseRepeated(command);
  addHelp(program);
  program.addHelpText("after", EXIT_CODES);
  return program;
}

/** Commander's own help command answers a name that it does not know with the whole help, and no word of the mistake. */
function addHelp(program: Command): void {
  program.command("help").argument("[command]").description("print help for a command").action((name?: string) => {
    if (name === undefined) return program.help();
    const command = program.commands.find((candidate) => candidate.name() === name);
    if (command) return command.help();
    const names = program.commands.map((candidate) => candidate.name());
    throw new EdgecError("USAGE", `there is no command "${name}".${suggestion(name, names)} The commands are ${names.join(", ")}.`);
  });
}

const EXIT_CODES = `
Exit codes: 0 done; 1 a gate failed (the model and the report are written all the same); 2 wrong usage or
unreadable data; 3 a model that cannot be read or is invalid; 70 a bug in edgec; 129, 130 or 143
interrupted (SIGHUP, Ctrl-C, SIGTERM).`;
