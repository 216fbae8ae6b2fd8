/**
 * Watermark alignment across the sources of a job: knows the slowest watermark of each group.
 */
export class WatermarkAligner {
  /** By group, then by member. */
  private readonly reported = new Map<string, Map<string, number>>();

  /** @returns the group's slowest watermark now */
  report(group: string, member: string, watermark: number): number {
    let members = this.reported.get(group);
    if (members === undefined) this.reported.set(group, (members = new Map()));
    members.set(member, watermark);
    return Math.min(...members.values());
  }
}
