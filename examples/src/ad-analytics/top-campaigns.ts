/** The campaigns with most views, as a table. */

interface Total {
  views: number;
  bestWindowMs: number;
  bestViews: number;
}

/** @param counts views by campaign and window, as `countKey` names them */
export function topCampaigns(counts: ReadonlyMap<string, number>, top: number): string[] {
  const totals = new Map<string, Total>();
  let all = 0;
  for (const [key, views] of counts) {
    const [campaign = '', windowStart] = key.split(' ');
    let total = totals.get(campaign);
    if (total === undefined) totals.set(campaign, (total = { views: 0, bestWindowMs: 0, bestViews: 0 }));
    total.views += views;
    if (views > total.bestViews) {
      total.bestViews = views;
      total.bestWindowMs = Number(windowStart);
    }
    all += views;
  }
  const ranked = [...totals].sort(([a, x], [b, y]) => y.views - x.views || (a < b ? -1 : 1)).slice(0, top);
  const rows = ranked.map(([campaign, { views, bestWindowMs, bestViews }], i) => {
    const time = new Date(bestWindowMs).toISOString().slice(11, 19);
    const share = `${((100 * views) / all).toFixed(2)} %`;
    return line(`${i + 1}`, campaign, views.toLocaleString('en-US'), share, `${bestViews} at ${time}`);
  });
  return [line('', `top ${ranked.length} of ${totals.size} campaigns`, 'views', 'share', 'best 10 seconds'), ...rows];
}

function line(rank: string, campaign: string, views: string, share: string, best: string): string {
  return `  ${rank.padStart(2)}  ${campaign.padEnd(36)}${views.padStart(10)}${share.padStart(9)}${best.padStart(18)}`;
}
