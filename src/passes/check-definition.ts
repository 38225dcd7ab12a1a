/** Checks the definition of a pass when it is made: a mistyped member would be left out without a word. */
import { EdgecError } from "../errors.js";
import { anyFunction, anyObject, boolean, check, listOf, number, required, text } from "../option-checks.js";
import { type KeysOf, refuseUnknown } from "../option-keys.js";
import type { PassDefinition, PassFlag, SearchedForms, Strength } from "./contract.js";

const isTrue = check("true", (value) => value === true);

const DEFINITION_KEYS = {
  name: required(check("a name", (value) => typeof value === "string" && value.trim() !== "")),
  description: required(text),
  flag: anyObject,
  lossy: required(boolean),
  defaults: required(anyObject),
  strength: anyObject,
  isSearched: isTrue,
  forms: anyObject,
  growsFile: isTrue,
  sizeEffect: text,
  validate: anyFunction,
  statistics: anyFunction,
  run: required(anyFunction),
} satisfies KeysOf<PassDefinition<object>>;

const FORMS_KEYS = { float: text, dynamic: text } satisfies KeysOf<SearchedForms>;

const FLAG_KEYS = {
  syntax: required(text),
  help: required(text),
  parse: required(anyFunction),
} satisfies KeysOf<PassFlag>;

const STRENGTH_KEYS = {
  option: required(text),
  values: required(listOf("numbers", number)),
} satisfies KeysOf<Strength>;

/** Throws EdgecError BAD_OPTION that names the member that is unknown, missing or of the wrong kind. */
export function checkDefinition(definition: PassDefinition<object>): void {
  refuseUnknown("definePass", DEFINITION_KEYS, definition);
  const { name, flag, strength, isSearched, forms, defaults } = definition;
  const user = `definePass "${name}"`;
  if (flag) refuseUnknown(`${user}: flag`, FLAG_KEYS, flag);
  if (strength) {
    refuseUnknown(`${user}: strength`, STRENGTH_KEYS, strength);
    if (!(strength.option in defaults)) throw noOption(user, "strength", strength.option, defaults);
  }
  if (forms) refuseUnknown(`${user}: forms`, FORMS_KEYS, forms);
  for (const option of Object.values(forms ?? {}) as string[])
    if (!(option in defaults)) throw noOption(user, "forms", option, defaults);
  if (isSearched && !("exclude" in defaults)) throw noOption(user, "isSearched", "exclude", defaults);
}

function noOption(user: string, member: string, option: string, defaults: object): EdgecError {
  const known = Object.keys(defaults).join(", ") || "none";
  return new EdgecError(
    "BAD_OPTION",
    `${user}: ${member} needs the option "${option}", which "defaults" does not have. It has: ${known}.`,
  );
}
