/** The help of every command, as `edgec help <command>` prints it. */
import { buildProgram } from "../../build/cli/program.js";

const WIDTH = 100;

export function commandHelp() {
  const program = buildProgram();
  return [program, ...program.commands.filter((command) => command.name() !== "help")]
    .map((command) => {
      const title = command === program ? "edgec" : `edgec ${command.name()}`;
      return `## ${title}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``;
    })
    .join("\n\n");
}

function helpOf(command) {
  let text = "";
  command.configureOutput({
    writeOut: (part) => (text += part),
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trim();
}
