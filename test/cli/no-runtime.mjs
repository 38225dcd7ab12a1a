/**
 * Preloaded by tests: makes onnxruntime, or the package that HIDDEN_RUNTIME names, look as if it were not
 * installed, in child processes as well.
 */
import { register } from "node:module";

register(
  `data:text/javascript,${encodeURIComponent(`
  export async function resolve(specifier, context, next) {
    if (specifier.startsWith(process.env.HIDDEN_RUNTIME ?? "onnxruntime-")) {
      const missing = new Error("Cannot find package '" + specifier + "'");
      throw Object.assign(missing, { code: "ERR_MODULE_NOT_FOUND" });
    }
    return next(specifier, context);
  }
`)}`,
);
