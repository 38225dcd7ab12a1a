export { encodeModel, encodeModelBytes, totalLength } from "./encode.js";
export { decodeModel, readModel } from "./read.js";
export { writeModel, type WriteOptions, type WriteResult } from "./write.js";
export { decodeTensor } from "./tensor-file.js";
