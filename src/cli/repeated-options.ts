/**
 * Refuses an option that is given twice: unless it takes a list, one of the values would be lost silently.
 */
import type { Command, Option } from "commander";
import { EdgecError } from "../errors.js";
import { collected } from "./option-values.js";

/**
 * Makes the command throw EdgecError USAGE for an option that is given more than once or together with its
 * opposite.
 */
export function refuseRepeated(command: Command): void {
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
