#!/usr/bin/env node
// Even its own files may be out of reach, as where no more files may be opened.
import("../dist/cli/main.js").catch((error) => {
  if (error?.syscall === undefined) throw error;
  process.stderr.write(`error: edgec could not be started: ${error.message}\n`);
  process.exitCode = 2;
});
