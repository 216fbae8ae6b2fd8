/**
 * `millrace savepoint …`: looks into savepoints and retained checkpoints, and deletes them. Needs neither the program nor a job that
 * runs.
 */
import { resolve, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { disposeCheckpoint, FileCheckpointStorage, inspectCheckpoint, verifyCheckpoint } from '../checkpoint/index.ts';
import { systemRandom } from '../common/index.ts';
import { LocalFileSystem } from '../filesystem/node.ts';
import { describeError } from './describe-error.ts';
import { wantsStacktrace } from './program-options.ts';
import { inspectionText } from './savepoint-text.ts';

export interface SavepointOptions {
  readonly stacktrace?: boolean;
}

export interface InspectOptions extends SavepointOptions {
  readonly json?: boolean;
  readonly verify?: boolean;
}

const EXIT_FAILED = 1;

/** Prints what is in a savepoint. The exit code is 1 if something in it is damaged. */
export async function inspectSavepoint(path: string, options: InspectOptions): Promise<void> {
  await reportingFailure(options, async () => {
    const fileSystem = new LocalFileSystem();
    const storage = storageOn(fileSystem);
    const checkpoint = await storage.readMetadata(absolute(path));
    const inspection = await inspectCheckpoint(checkpoint, storage.input());
    const verification = options.verify ? await verifyCheckpoint(checkpoint, fileSystem, 'CONTENT') : undefined;
    if (options.json) {
      const verified = verification && { ...verification, damages: verification.damages.map(({ message }) => message) };
      process.stdout.write(
        `${JSON.stringify({ ...inspection, ...(verified ? { verification: verified } : {}) }, undefined, 2)}\n`,
      );
    } else {
      process.stdout.write(inspectionText(inspection, verification));
    }
    if (inspection.problems.length > 0 || (verification?.damages.length ?? 0) > 0) process.exitCode = EXIT_FAILED;
  });
}

/** Deletes a savepoint, or a retained checkpoint with what no other needs. */
export async function disposeSavepoint(path: string, options: SavepointOptions): Promise<void> {
  await reportingFailure(options, async () => {
    const { kind, checkpointId, jobName, externalPath } = await disposeCheckpoint(
      absolute(path),
      storageOn(new LocalFileSystem()),
    );
    const what = kind === 'SAVEPOINT' ? 'the savepoint' : `checkpoint ${checkpointId}`;
    process.stdout.write(`Deleted ${what} of job '${jobName}': ${externalPath}\n`);
  });
}

function storageOn(fileSystem: LocalFileSystem): FileCheckpointStorage {
  return new FileCheckpointStorage({}, { fileSystem, random: systemRandom });
}

/** So that the name of a folder is known that is given as `.`. */
function absolute(path: string): string {
  return resolve(path.startsWith('file:') ? fileURLToPath(path) : path).replaceAll(sep, '/');
}

async function reportingFailure(options: SavepointOptions, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.stderr.write(`${describeError(error, { stacktrace: wantsStacktrace({ D: [], ...options }) })}\n`);
    process.exitCode = EXIT_FAILED;
  }
}
