#!/usr/bin/env node
/**
 * The `millrace` command. Only what a command needs is loaded when it runs.
 *
 * Exit codes: 0 all went well; 1 the program or the command line is wrong, or a job failed; 130 and 143 the jobs were canceled by
 * Ctrl-C and SIGTERM; 141 the reader of the output went away.
 */
import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

const EXIT_CODES = `
Exit codes:
  0    everything went well
  1    the command line or the program is wrong, or a job failed
  130  canceled by Ctrl-C (143: by SIGTERM)
  141  whoever read the output went away
`;

const cli = new Command('millrace')
  .description('Runs stream processing programs written in TypeScript or JavaScript.')
  .version(version, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand('help [command]', 'print the help of a command')
  .showHelpAfterError("(run with --help to see what there is; options of the program itself go behind '--')")
  .addHelpText(
    'after',
    `
Examples:
  millrace run job.ts                      run a program in this process
  millrace run -p 4 job.ts -- --input a    on four slots, each a thread; with an argument for the program
  millrace info job.ts                     print the plan of its jobs, and run nothing
  millrace savepoint inspect PATH          print what is in a savepoint or checkpoint

Environment:
  MILLRACE_LOG  debug, info, warn (unless given) or error: what the engine logs to stderr
  NO_COLOR      no colors
${EXIT_CODES}`,
  );

/** The options that both commands have. */
function programCommand(name: string, description: string): Command {
  return cli
    .command(name)
    .description(description)
    .argument('<program>', 'a file of TypeScript or JavaScript')
    .argument('[arguments...]', "handed to the program as process.argv; those that begin with '-' go behind '--'")
    .option('-D <key=value>', 'set a configuration option; may be given several times', collect, [])
    .option('-p, --parallelism <number>', 'parallelism of operators that set none: -D parallelism.default=<number>')
    .addOption(new Option('--log-level <level>', 'what the engine logs to stderr').choices(['debug', 'info', 'warn', 'error']))
    .option('--stacktrace', 'print the whole stack of a failure, with the frames of the engine');
}

function collect(value: string, values: readonly string[]): string[] {
  return [...values, value];
}

programCommand('run', 'Run a program: all the jobs that it executes, in this process.')
  .option(
    '-s, --from-savepoint <path>',
    'start from this savepoint or retained checkpoint: -D execution.state-recovery.path=<path>',
  )
  .option('-n, --allow-non-restored-state', 'leave state behind that no operator of the program claims')
  .option('--no-progress', 'show no progress on the terminal')
  .option('--json', 'print the result of every job, when all is over, as one line of JSON on stdout')
  .addHelpText(
    'after',
    `
Examples:
  millrace run job.ts
  millrace run -D pipeline.name=nightly -D parallelism.default=2 job.ts
  millrace run --parallelism 2 --from-savepoint savepoints/savepoint-a1b2c3 job.ts
  millrace run --json job.ts | tail -n 1
${EXIT_CODES}`,
  )
  .action(async (program: string, args: string[], options) => {
    const { runCommand } = await import('./run-command.ts');
    await runCommand(program, args, options);
  });

programCommand('info', 'Print the plan of the jobs of a program. The program is executed, its jobs are not: no source is opened.')
  .option('--tree', 'the vertices of each job and the operators chained in them (this is what is printed unless --json is given)')
  .option('--json', "Flink's execution plan, one JSON document per job")
  .addHelpText(
    'after',
    `
Examples:
  millrace info job.ts
  millrace info --json job.ts | jq '.nodes[].type'
`,
  )
  .action(async (program: string, args: string[], options) => {
    const { infoCommand } = await import('./info-command.ts');
    await infoCommand(program, args, options);
  });

const savepoint = cli
  .command('savepoint')
  .description('Look into savepoints and retained checkpoints on disk, and delete them.')
  .helpCommand(false);

function savepointCommand(name: string, description: string): Command {
  return savepoint
    .command(name)
    .description(description)
    .argument('<path>', 'the folder of a savepoint or checkpoint, or the _metadata file in it')
    .option('--stacktrace', 'print the whole stack of a failure, with the frames of the engine');
}

savepointCommand('inspect', 'Print what is in a savepoint: operators, states and their types, sizes, key groups, timers.')
  .option('--verify', 'read all files and check them against their checksums')
  .option('--json', 'print it as one JSON document')
  .addHelpText(
    'after',
    `
Examples:
  millrace savepoint inspect savepoints/savepoint-4f2a1c-0b9d1e77a3c5
  millrace savepoint inspect --verify checkpoints/4f2a1c3e5d6b7a8990a1b2c3d4e5f607/chk-42
  millrace savepoint inspect --json savepoint-4f2a1c-0b9d1e77a3c5 | jq '.operators[] | {name, stateBytes}'

The exit code is 1 if something in it is damaged.
`,
  )
  .action(async (path: string, options) => {
    const { inspectSavepoint } = await import('./savepoint-command.ts');
    await inspectSavepoint(path, options);
  });

savepointCommand('dispose', 'Delete a savepoint. Of a checkpoint, what other checkpoints in the folder of its job need is left.')
  .addHelpText(
    'after',
    `
Examples:
  millrace savepoint dispose savepoints/savepoint-4f2a1c-0b9d1e77a3c5

Dispose of a retained checkpoint only when its job does not run: a job deletes its own.
`,
  )
  .action(async (path: string, options) => {
    const { disposeSavepoint } = await import('./savepoint-command.ts');
    await disposeSavepoint(path, options);
  });

// Not awaited: a program that never ends its top level is reported by the command, with its name.
void cli.parseAsync();
