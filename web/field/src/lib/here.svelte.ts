// What is on this phone and nowhere else.
import { Dexie } from 'dexie';
import { db, isOnlyHere, missed, onlyHere, untaken, type ItemState } from './db';
import { shared } from './live.svelte';
import { opening } from './opening';
import { rested } from './rested';
import { session } from './session.svelte';

export type Here = { items: number; refused: number; actions: number; others: number; orders: Map<string, number> };
const nothing: Here = { items: 0, refused: 0, actions: 0, others: 0, orders: new Map() };

/** Counts what one person has here, and how much others have. */
export async function counted(owner: string): Promise<Here> {
  return db.transaction('r', db.items, db.actions, async () => {
    const [items, actions, others] = await Promise.all([
      Promise.all(onlyHere.map((state) => db.items.where('[owner+state+order_id]').between([owner, state, Dexie.minKey], [owner, state, Dexie.maxKey]).keys() as unknown as Promise<[string, ItemState, string][]>)),
      Promise.all(untaken.map((state) => db.actions.where('[owner+state]').equals([owner, state]).filter(missed).count())),
      db.items.where('owner').notEqual(owner).filter(isOnlyHere).count(),
    ]);
    const all = items.flat();
    const orders = new Map<string, number>();
    for (const [, , order] of all) orders.set(order, (orders.get(order) ?? 0) + 1);
    return { items: all.length, refused: all.filter(([, state]) => state === 'refused').length, actions: actions.reduce((n, a) => n + a, 0), others, orders };
  });
}

const counts = shared<{ owner: string; here: Here } | null>(
  () => {
    const owner = session.id;
    return rested(async () => ({ owner, here: await counted(owner) }));
  },
  null,
  () => opening.is?.here && { value: { owner: session.id, here: opening.is.here } },
);

/** The counts as they are now; to be called while a component is made. */
export function here(): { readonly value: Here; readonly ready: boolean } {
  const all = counts();
  const own = () => (all.value?.owner === session.id ? all.value.here : undefined); // whoever was in before had others
  return {
    get value() {
      return own() ?? nothing;
    },
    get ready() {
      return own() !== undefined;
    },
  };
}
