/**
 * The protobuf library, loaded when the first model is read or written, so that `edgec --help` stays fast.
 */
import { createRequire } from "node:module";
import type * as Protobuf from "protobufjs/light.js";

let loaded: typeof Protobuf | undefined;

export function protobufjs(): typeof Protobuf {
  return (loaded ??= createRequire(import.meta.url)("protobufjs/light.js") as typeof Protobuf);
}
