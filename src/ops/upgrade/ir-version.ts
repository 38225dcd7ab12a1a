/**
 * The IR version that came with each version of the standard operator set (the onnx project's Versioning
 * document).
 */
const FIRST_OPSETS: readonly (readonly [opset: number, irVersion: number])[] = [
  [28, 14],
  [25, 13],
  [24, 12],
  [23, 11],
  [21, 10],
  [19, 9],
  [15, 8],
  [12, 7],
  [11, 6],
  [10, 5],
  [9, 4],
  [1, 3],
];

/** The oldest IR version in which a model of this operator set is written. */
export function irVersionFor(opset: number): number {
  return FIRST_OPSETS.find(([first]) => opset >= first)?.[1] ?? 3;
}
