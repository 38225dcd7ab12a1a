/** Names of operator sets and of operators. The standard set has two names: "" and "ai.onnx". */

const STANDARD = "ai.onnx";

/** One name for each set, to compare by: "" for the standard one, as files have it. */
export function standardDomain(domain: string | undefined): string {
  return domain === undefined || domain === STANDARD ? "" : domain;
}

/** The name of a set as people read it: "ai.onnx" for the standard one. */
export function domainName(domain: string | undefined): string {
  return standardDomain(domain) || STANDARD;
}

/** The name of an operator as people read it: "Conv", or "com.microsoft.QGemm". */
export function operatorName(operator: {
  readonly domain?: string | undefined;
  readonly opType: string;
}): string {
  const domain = standardDomain(operator.domain);
  return domain === "" ? operator.opType : `${domain}.${operator.opType}`;
}
