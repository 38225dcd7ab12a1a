/** The forms in which quantize-int8 writes int8 arithmetic. Not every runtime supports all of them. */
export const INT8_FORMATS = ["static-qdq", "dynamic-matmul", "dynamic-lstm"] as const;
export type Int8Format = (typeof INT8_FORMATS)[number];
