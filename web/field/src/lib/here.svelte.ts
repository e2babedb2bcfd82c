// What is on this phone and nowhere else.
import { db, isOnlyHere, missed, onlyHere } from './db';
import { live } from './live.svelte';
import { session } from './session.svelte';

export type Here = { items: number; refused: number; actions: number; others: number; orders: Map<string, number> };
const nothing: Here = { items: 0, refused: 0, actions: 0, others: 0, orders: new Map() };

/** Counts what one person has here, and how much others have. */
export async function counted(owner: string): Promise<Here> {
  const orders = new Map<string, number>();
  let items = 0;
  let refused = 0;
  await db.items.where('[owner+state]').anyOf(onlyHere.map((s) => [owner, s])).each((i) => {
    items++;
    if (i.state === 'refused') refused++;
    orders.set(i.order_id, (orders.get(i.order_id) ?? 0) + 1);
  });
  const actions = await db.actions.where('[owner+state]').anyOf([[owner, 'waiting'], [owner, 'refused'], [owner, 'conflict']]).filter(missed).count();
  const others = await db.items.where('owner').notEqual(owner).filter(isOnlyHere).count();
  return { items, refused, actions, others, orders };
}

/** The counts as they are now; to be called while a component is made. */
export function here(): { readonly value: Here; readonly ready: boolean } {
  return live(() => {
    const owner = session.id;
    return () => counted(owner);
  }, nothing);
}
