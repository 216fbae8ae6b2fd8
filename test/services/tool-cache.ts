/**
 * Where downloaded servers are kept: `$XDG_CACHE_HOME/millrace/services`, or `~/.cache/millrace/services`.
 *
 * A thing is made once in a folder of its own name and then renamed, so that it is whole if it exists. Test processes that want it at the
 * same time take turns: who gets the lock file makes it, the others wait. The lock of a process that has died is taken over.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The folder for everything that test services keep between runs. */
export const cacheFolder: string = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'millrace', 'services');

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether the lock is now ours. A lock whose process is gone is removed, for the next attempt. */
function tryLock(lock: string): boolean {
  try {
    writeFileSync(lock, `${process.pid}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    const owner = Number(readFileSync(lock, 'utf8'));
    if (owner > 0 && !isRunning(owner)) rmSync(lock, { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return false;
}

/**
 * The folder `name` of the cache. If there is none, `make` fills a new one, which then gets that name.
 *
 * @param name path below the cache; put the version of what is in it into the name
 */
export async function cached(name: string, make: (folder: string) => void | Promise<void>): Promise<string> {
  const target = join(cacheFolder, name);
  const lock = `${target}.lock`;
  mkdirSync(join(target, '..'), { recursive: true });
  while (!existsSync(target)) {
    if (!tryLock(lock)) {
      await delay(50);
      continue;
    }
    try {
      if (existsSync(target)) break;
      const folder = mkdtempSync(`${target}.new-`);
      try {
        await make(folder);
        renameSync(folder, target);
      } catch (error) {
        rmSync(folder, { recursive: true, force: true });
        throw error;
      }
    } finally {
      rmSync(lock, { force: true });
    }
  }
  return target;
}
