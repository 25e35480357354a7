import { InvalidArgumentError } from "commander";

/** For options that take a whole number: gives the text back, or says what is allowed. */
export function wholeNumber(min: number, max: number): (text: string) => string {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return text;
    throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
  };
}
