/**
 * Jars from Maven Central, with what they need, in the cache folder.
 *
 * They are resolved by Maven itself (`mvn dependency:copy-dependencies`), once per machine: see `tool-cache.ts`.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cached } from './tool-cache.ts';

/** The path of a program, found like a shell finds it; undefined if there is none. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  for (const folder of [...folders, ...(process.env.PATH ?? '').split(delimiter)]) {
    try {
      const path = join(folder, name);
      accessSync(path, constants.X_OK);
      return path;
    } catch {}
  }
  return undefined;
}

/** `java` of JAVA_HOME, or of the path. */
export function findJava(): string | undefined {
  return findProgram('java', process.env.JAVA_HOME ? [join(process.env.JAVA_HOME, 'bin')] : []);
}

/**
 * The class path of the artifacts and their dependencies: jar files, in a fixed order (a class data sharing archive belongs to one
 * exact class path).
 *
 * @param name of the folder in the cache; it must tell the versions
 * @param artifacts as `group:artifact:version`
 */
export async function mavenClassPath(name: string, artifacts: readonly string[]): Promise<string> {
  const folder = await cached(name, (target) => copyDependencies(target, artifacts));
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jar'))
    .sort()
    .map((file) => join(folder, file))
    .join(delimiter);
}

function copyDependencies(target: string, artifacts: readonly string[]): void {
  const dependencies = artifacts.map((artifact) => {
    const [groupId, artifactId, version] = artifact.split(':');
    return `<dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>`;
  });
  const pom = join(target, 'pom.xml');
  writeFileSync(
    pom,
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>millrace</groupId><artifactId>services</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>\n`,
  );
  try {
    execFileSync('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${target}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
    });
  } catch (error) {
    const { stdout = '', message } = error as { stdout?: string; message: string };
    throw new Error(`Maven could not get ${artifacts.join(', ')}: ${stdout.slice(0, 1500) || message}`, { cause: error });
  }
}
