export { encodeModel, encodeModelBytes, encodeParts, totalLength } from "./encode.js";
export { decodeModel, readModel } from "./read.js";
export { writeModel, type WriteOptions, type WriteResult } from "./write.js";
export { decodeTensor } from "./tensor-file.js";
export { fileLabel, forgetOwnFiles, nameOwnFile } from "./own-files.js";
export { ScratchFile, type ScratchLimits } from "./scratch-file.js";
export { takeNames } from "./temporary-file.js";
export { TemporaryFolder } from "./temporary-folder.js";
