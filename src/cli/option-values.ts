/** Turns option text into numbers, with commander's own message when it is not one. */
import { InvalidArgumentError } from "commander";

export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isSafeInteger(value) || value < minimum) throw new InvalidArgumentError(`It takes a whole number, ${minimum} or more.`);
    return value;
  };
}

export function numberWithin(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !(value >= minimum && value <= maximum)) throw new InvalidArgumentError(`It takes a number from ${minimum} to ${maximum}.`);
    return value;
  };
}

/** For an option that may be given more than once. */
export function collected(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text];
}
