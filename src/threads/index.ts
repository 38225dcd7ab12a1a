export { ThreadPool } from "./pool.js";
export { Thread } from "./thread.js";
