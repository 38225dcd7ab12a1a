/** Tables of the documentation that are made of the registries. They are read from the compiled code. */
import { DATA_FORMATS } from "../../build/data/data-formats.js";
import { STORAGE_FORMS } from "../../build/passes/encode/storage-forms.js";
import { REPORT_FORMATS } from "../../build/report/report-formats.js";
import { CPU_KERNELS, PROFILES } from "../../build/targets/index.js";
import { code, table } from "./table.mjs";

export const targetsTable = () =>
  table(
    ["target", "for", "range of int8 weights"],
    PROFILES.map(({ name, description, weightRange }, k) => [
      `${code(name)}${k === 0 ? " (default)" : ""}`,
      description,
      code(weightRange),
    ]),
  );

/** Operators whose kernels are alike share a row. */
export function kernelsTable() {
  const groups = new Map();
  for (const [operator, kernel] of Object.entries(CPU_KERNELS)) {
    const key = JSON.stringify(kernel);
    groups.set(key, { kernel, operators: [...(groups.get(key)?.operators ?? []), operator] });
  }
  return table(
    ["operators", "role", "activations", "weights"],
    [...groups.values()].map(({ kernel, operators }) => [
      operators.map(code).join(", "),
      kernel.role,
      operandText(kernel.activations),
      kernel.weights ? operandText(kernel.weights) : "",
    ]),
  );
}

function operandText({ signs, symmetry, granularity }) {
  const zero = symmetry === "any" ? "any zero point" : "zero point in the middle";
  return `${signs.map(code).join(" or ")}, ${zero}, a scale per ${granularity.join(" or ")}`;
}

export const dataFormatsTable = () =>
  table(
    ["data", "what it holds"],
    DATA_FORMATS.map(({ name, endings, description }) => [
      endings.length > 0 ? endings.map(code).join(", ") : name,
      description,
    ]),
  );

export const reportFormatsTable = () =>
  table(
    ["format", "name ends in", "what it is for"],
    REPORT_FORMATS.map(({ name, endings, description }, k) => [
      name,
      k === 0 ? `anything else, such as ${endings.map(code).join(", ")}` : endings.map(code).join(", "),
      description,
    ]),
  );

export const storageFormsTable = () =>
  table(
    ["form", "for"],
    STORAGE_FORMS.map(({ name, description }) => [code(name), description]),
  );
