/** What is wrong with a program or a command line, in words for its author: printed as it is, without a stack. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}
