/**
 * Runs the tests that need real services (`npm run test:services`): all of them, or those whose path contains one of the arguments.
 *
 * A service that is missing ends the run before it begins, and a test that skips itself fails it: nothing is green because it did not run.
 */
import { spawnSync } from 'node:child_process';
import { SERVICES } from './catalog.ts';
import { ROOT, servicesOf, serviceTestFiles } from './service-tests.ts';

const wanted = process.argv.slice(2);
const files = serviceTestFiles().filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (files.length === 0) throw new Error(`no test file that needs a service has ${wanted.join(' or ')} in its path`);

const needed = new Set(files.flatMap(servicesOf));
const missing = SERVICES.filter((service) => needed.has(service) && !service.isInstalled() && !process.env[service.variable]);
for (const { name, install, variable } of missing) {
  console.error(`${name} is missing: ${install}, or name one by ${variable}=host:port`);
}
if (missing.length > 0) process.exit(1);

// A test that fails may leave a connection open: that must not keep its file from ending.
const limits = ['--test-concurrency=2', '--test-timeout=180000', '--test-force-exit'];
const words = ['--conditions=millrace-source', '--test', ...limits, '--test-reporter=./scripts/strict-reporter.ts'];
const { status } = spawnSync(process.execPath, [...words, ...files], { cwd: ROOT, stdio: 'inherit' });
process.exit(status ?? 1);
