/**
 * Gets the peers: Java programs by Maven, Python packages by pip into a virtual environment. All goes into the cache folder of the test
 * services, outside of the repository, once per version of what is built.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { findJava, findProgram } from '../../test/services/maven.ts';
import { cached } from '../../test/services/tool-cache.ts';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');

export interface JavaProgram {
  readonly java: string;
  readonly classPath: string;
}

/** Builds the Maven project in the folder of that name, with `java-common` beside it. */
export async function javaProgram(name: string): Promise<JavaProgram> {
  const java = findJava();
  if (java === undefined || findProgram('mvn') === undefined) {
    throw new Error(`${name} needs Java 17 and Maven: apt-get install default-jdk-headless maven`);
  }
  const pom = join(HERE, name, 'pom.xml');
  const maven = async (...args: string[]): Promise<void> => {
    await run(`Maven could not build ${name}`, 'mvn', ['-q', '-B', '-f', pom, ...args]);
  };
  const jars = await cached(`peers/${name}-jars-${digest([pom])}`, (folder) =>
    maven('dependency:copy-dependencies', `-DoutputDirectory=${folder}`),
  );
  const sources = [...sourcesIn(join(HERE, 'java-common')), ...sourcesIn(join(HERE, name, 'src'))];
  const built = await cached(`peers/${name}-${digest([pom, ...sources])}`, (folder) => maven('compile', `-Dout=${folder}`));
  return { java, classPath: `${join(built, 'classes')}:${join(jars, '*')}` };
}

/**
 * A temporary folder that has the package as users get it, and the programs of `programs`, which use it. It lasts as long as this process.
 */
export function millracePackage(programs: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-peers-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const modules = join(folder, 'node_modules');
  const installed = join(modules, 'millrace');
  mkdirSync(installed, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(join(installed, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const name of [...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'bundle.ts'), join(installed, 'dist')]);
  cpSync(programs, folder, { recursive: true });
  return folder;
}

/** A virtual environment with the requirements (`name==version`). @returns the path of its Python */
export async function pythonEnvironment(requirements: readonly string[]): Promise<string> {
  const name = requirements[0]?.replace('==', '-') ?? 'empty';
  const hash = createHash('sha256').update(requirements.join('\n')).digest('hex').slice(0, 8);
  const folder = await cached(`peers/python-${name}-${hash}`, async (target) => {
    await run('Python cannot make an environment', 'python3', ['-m', 'venv', target]);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements];
    await run(`pip could not install ${requirements.join(', ')}`, join(target, 'bin/python'), pip);
  });
  return join(folder, 'bin/python');
}

async function run(problem: string, program: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)(program, args, { maxBuffer: 16 << 20 });
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
    throw new Error(`${problem}: ${`${stdout}${stderr}`.slice(-3000) || message}`, { cause: error });
  }
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.java'))
    .sort()
    .map((file) => join(folder, file));
}

function digest(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest('hex').slice(0, 8);
}
