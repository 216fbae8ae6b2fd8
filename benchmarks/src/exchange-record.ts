/** The records of the benchmark `exchange`: flat, of six fields, as a job would make them one by one. */
export interface PageView {
  readonly id: number;
  readonly user: string;
  readonly page: string;
  readonly amount: number;
  readonly returning: boolean;
  readonly kind: string;
}

const users = Array.from({ length: 1000 }, (_, i) => `user-${i}`);
const pages = Array.from({ length: 77 }, (_, i) => `/shop/${i}`);
const kinds = ['view', 'click', 'buy'];

export function pageView(id: number): PageView {
  return {
    id,
    user: users[id % users.length] as string,
    page: pages[id % pages.length] as string,
    amount: id * 0.25,
    returning: id % 3 === 0,
    kind: kinds[id % kinds.length] as string,
  };
}

/** What the consumer adds up: every field is read. */
export function weigh({ id, user, page, amount, returning, kind }: PageView): number {
  return id + user.length + page.length + amount + (returning ? 1 : 0) + kind.length;
}
