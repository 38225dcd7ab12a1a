export * from "./dataset.js";
export { abortableSamples } from "./abortable-samples.js";
export { openDataset, type OpenOptions } from "./open.js";
export { joined, type JoinLimits } from "./joined.js";
export { splitHoldOut, take, type HoldOut } from "./subset.js";
export { unfeedable } from "./unfeedable.js";
