export * from "./dataset.js";
export { openDataset, type OpenOptions } from "./open.js";
export { splitHoldOut, take, type HoldOut } from "./subset.js";
