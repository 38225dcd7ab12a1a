/** An option that is given twice: a list takes both, anywhere else one of them would be lost without a word. */
import type { Command, Option } from "commander";
import { EdgecError } from "../errors.js";
import { collected } from "./option-values.js";

/** Makes the command refuse, with EdgecError USAGE, an option given more than once, and one given with its opposite. */
export function refuseRepeated(command: Command): void {
  const given = new Map<string, string>();
  for (const option of command.options.filter((each) => !isList(each))) {
    command.on(`option:${option.name()}`, () => {
      const flag = [option.short, option.long].filter((name) => name !== undefined).join(" or ");
      const earlier = given.get(option.attributeName());
      given.set(option.attributeName(), flag);
      if (earlier === flag)
        throw new EdgecError("USAGE", `${flag} is given more than once, and only one can hold. Give it once.`);
      if (earlier !== undefined)
        throw new EdgecError("USAGE", `${earlier} and ${flag} contradict each other. Give one of them.`);
    });
  }
}

function isList({ parseArg }: Option): boolean {
  return (parseArg as unknown) === collected;
}
