/**
 * Checks the types of all TypeScript files and lints everything. ESLint is handed the program whose types
 * have been checked: building it and resolving its types anew would take as long again.
 */
import { ESLint } from "eslint";
import ts from "typescript";

const CONFIG = "tsconfig.test.json";

const program = programOf(CONFIG);
const problems = ts.getPreEmitDiagnostics(program);
const host = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: ts.sys.getCurrentDirectory,
  getNewLine: () => "\n",
};
if (problems.length > 0) {
  console.log(ts.formatDiagnosticsWithColorAndContext(problems, host));
  process.exitCode = 1;
}

const eslint = new ESLint({
  overrideConfig: [
    {
      files: ["**/*.{ts,mts,cts}"],
      languageOptions: { parserOptions: { project: null, programs: [program] } },
    },
  ],
});
const results = await eslint.lintFiles(process.argv.length > 2 ? process.argv.slice(2) : ["."]);
const text = await (await eslint.loadFormatter("stylish")).format(results);
if (text !== "") console.log(text);
if (results.some(({ errorCount }) => errorCount > 0)) process.exitCode = 1;

/** ESLint's rules climb from a node to its parents, so these are set. */
function programOf(config) {
  const unreadable = (diagnostic) => {
    throw new Error(ts.formatDiagnostic(diagnostic, host));
  };
  const { fileNames, options, errors } = ts.getParsedCommandLineOfConfigFile(
    config,
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: unreadable },
  );
  return ts.createProgram({
    rootNames: fileNames,
    options,
    host: ts.createCompilerHost(options, true),
    configFileParsingDiagnostics: errors,
  });
}
