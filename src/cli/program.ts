/** The commander program. Each command imports its modules only when it runs, so that `--help` stays fast. */
import { Command, type Option } from "commander";
import { suggestion, EdgecError } from "../errors.js";
import { addBench } from "./commands/bench-command.js";
import { addCompress } from "./commands/compress-command.js";
import { addDemo } from "./commands/demo-command.js";
import { addInspect } from "./commands/inspect-command.js";
import { addOptimize } from "./commands/optimize-command.js";
import { addPasses } from "./commands/passes-command.js";
import { addSensitivity } from "./commands/sensitivity-command.js";
import { addTargets } from "./commands/targets-command.js";
import { addVerify } from "./commands/verify-command.js";
import { VERSION } from "../version.js";
import { collected } from "./option-values.js";

export function buildProgram(): Command {
  const program = new Command("edgec")
    .description("Makes ONNX models small and fast enough for edge devices, and proves it.")
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .showHelpAfterError('(run "edgec --help" for all commands, or "edgec help <command>" for one)')
    .exitOverride();
  for (const add of [
    addCompress,
    addOptimize,
    addVerify,
    addInspect,
    addBench,
    addSensitivity,
    addPasses,
    addTargets,
    addDemo,
  ])
    add(program);
  for (const command of program.commands) refuseRepeated(command);
  addHelp(program);
  program.addHelpText("after", EXIT_CODES);
  return program;
}

/**
 * Replaces commander's help command, which prints the general help for an unknown name and does not mention
 * the mistake.
 */
function addHelp(program: Command): void {
  program
    .command("help")
    .argument("[command]")
    .description("print help for a command")
    .action((name?: string) => {
      if (name === undefined) return program.help();
      const command = program.commands.find((candidate) => candidate.name() === name);
      if (command) return command.help();
      const names = program.commands.map((candidate) => candidate.name());
      throw new EdgecError(
        "USAGE",
        `there is no command "${name}".${suggestion(name, names)} The commands are ${names.join(", ")}.`,
      );
    });
}

const EXIT_CODES = `
Exit codes: 0 done; 1 a gate failed (the model and the report are still written); 2 wrong usage or
unreadable data; 3 a model that cannot be read or is invalid; 70 a bug in edgec; 129, 130 or 143
interrupted (SIGHUP, Ctrl-C, SIGTERM).`;

/**
 * Makes the command throw EdgecError USAGE for an option that is given more than once or together with its
 * opposite.
 */
function refuseRepeated(command: Command): void {
  const given = new Map<string, string>();
  for (const option of command.options.filter((each) => !isList(each))) {
    command.on(`option:${option.name()}`, () => {
      const flag = [option.short, option.long].filter((name) => name !== undefined).join(" or ");
      const earlier = given.get(option.attributeName());
      given.set(option.attributeName(), flag);
      if (earlier === flag) throw new EdgecError("USAGE", `${flag} is given more than once. Give it once.`);
      if (earlier !== undefined)
        throw new EdgecError("USAGE", `${earlier} and ${flag} contradict each other. Give one of them.`);
    });
  }
}

function isList({ parseArg }: Option): boolean {
  return (parseArg as unknown) === collected;
}
