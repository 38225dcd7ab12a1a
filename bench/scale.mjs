/**
 * How cost grows with size, in one command: time and memory against the weights of a model, its layers, its samples
 * and their resolution, with the exponents, and beside the peers that Python has. All models are made here, with
 * random weights in the shapes of known networks.
 *
 *   npm run bench -- scale                     all of it: hours, 20 GB of memory, 15 GB of disk
 *   npm run bench -- scale load solver         some parts
 */
const PARTS = {
  load: ["time and memory of loading, and the estimate of memory", "scale-load"],
  solver: ["pruning and clustering with calibration data, by the size of layers", "solver"],
  calibration: ["int8 by resolution and number of samples", "scale-calibration"],
  layers: ["every command by the number of layers, with onnxslim and onnxruntime", "many-layers"],
  parts: ["every command by the number of a model's parts of each kind", "many-parts"],
};

export default async function scale(args = []) {
  const unknown = args.find((name) => !(name in PARTS));
  if (unknown !== undefined)
    throw new Error(`there is no part "${unknown}"; choose from ${Object.keys(PARTS).join(", ")}`);
  for (const [name, [title, file]] of Object.entries(PARTS)) {
    if (args.length > 0 && !args.includes(name)) continue;
    console.log(`\n== ${name}: ${title}\n`);
    const { default: bench } = await import(`./${file}.mjs`);
    await bench();
  }
}
