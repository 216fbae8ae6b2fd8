/**
 * Restarts the regions of a job after failures: cancel what still runs of the region, wait as the restart strategy says, deploy
 * anew.
 *
 * One incident, one restart: what fails while its region is being canceled is a consequence. What fails while the region is
 * being deployed again is a new incident, and begins the restart again.
 */
import type { Clock, Logger, TimerHandle } from '../../common/index.ts';
import type { RestartStrategy } from '../failover/restart-strategies.ts';

export interface RegionFailoverDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly strategy: RestartStrategy;
  /** Resolves when every task of the region has ended. */
  cancelRegion(region: number): Promise<void>;
  /**
   * Begins new attempts of all tasks of the region; resolves when they run, to `true`. Failures come as failures, not from here.
   */
  deployRegion(region: number): Promise<boolean>;
  /** Restarts begin: checkpoints under way cannot complete. */
  onRestarting(error: Error): void;
  onRunning(region: number): void;
  /** There is no restart; `reason` says why, as in 'it was restarted 3 times already'. */
  giveUp(error: Error, reason: string): void;
}

type RegionState = 'RUNNING' | 'CANCELING' | 'WAITING' | 'DEPLOYING';

export class RegionFailover {
  private readonly dependencies: RegionFailoverDependencies;
  private readonly states: RegionState[];
  private readonly rounds: number[];
  private readonly timers = new Set<TimerHandle>();
  private closed = false;

  constructor(regionCount: number, dependencies: RegionFailoverDependencies) {
    this.dependencies = dependencies;
    this.states = Array.from({ length: regionCount }, () => 'DEPLOYING' as const);
    this.rounds = Array.from({ length: regionCount }, () => 0);
  }

  get isRestarting(): boolean {
    return this.states.some((s) => s !== 'RUNNING');
  }

  /** Deploys all regions for the first time. */
  start(deployRegion: (region: number) => Promise<boolean>): void {
    for (const region of this.states.keys()) void this.deploy(region, 0, deployRegion);
  }

  /** One incident, whatever the number of regions that it hits. */
  handleFailure(regions: readonly number[], error: Error): void {
    if (this.closed) return;
    const { logger, strategy } = this.dependencies;
    const hit = regions.filter((region) => this.states[region] === 'RUNNING' || this.states[region] === 'DEPLOYING');
    if (hit.length === 0) {
      logger.log('debug', `While its region was being canceled, this failed too: ${error.message}`);
      return;
    }
    strategy.notifyFailure(error);
    if (!strategy.canRestart()) {
      this.dependencies.giveUp(error, strategy.reason());
      return;
    }
    const delayMs = strategy.delayMs();
    this.dependencies.onRestarting(error);
    for (const region of hit) {
      const round = (this.rounds[region] as number) + 1;
      this.rounds[region] = round;
      void this.restart(region, round, delayMs);
    }
  }

  /** No restarts from now on. */
  close(): void {
    this.closed = true;
    for (const timer of this.timers) timer.cancel();
  }

  private async restart(region: number, round: number, delayMs: number): Promise<void> {
    const current = (): boolean => !this.closed && this.rounds[region] === round;
    this.states[region] = 'CANCELING';
    await this.dependencies.cancelRegion(region);
    if (!current()) return;
    this.states[region] = 'WAITING';
    await this.wait(delayMs);
    if (!current()) return;
    await this.deploy(region, round, (index) => this.dependencies.deployRegion(index));
  }

  private async deploy(region: number, round: number, deployRegion: (region: number) => Promise<boolean>): Promise<void> {
    this.states[region] = 'DEPLOYING';
    const runs = await deployRegion(region);
    if (!runs || this.closed || this.rounds[region] !== round) return;
    this.states[region] = 'RUNNING';
    this.dependencies.onRunning(region);
  }

  private wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.dependencies.clock.setTimer(delayMs, () => {
        this.timers.delete(timer);
        resolve();
      });
      this.timers.add(timer);
    });
  }
}
