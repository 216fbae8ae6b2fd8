/** Checks of what the user typed. */
import process from 'node:process';

/** Ends the process with a message unless `text` is a whole number of at least 1. */
export function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  console.error(`${name} must be a whole number of at least 1; got '${text}'.`);
  process.exit(1);
}
