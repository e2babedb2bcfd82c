// The orders of who is signed in, and what the list needs beside them, always as they are now.
import { db, type Order } from '$field/lib/db';
import { here, type Here } from '$field/lib/here.svelte';
import { live } from '$field/lib/live.svelte';
import { opening } from '$field/lib/opening';
import { tally, type Known } from '$field/lib/proof';
import { session } from '$field/lib/session.svelte';

export type Fresh = 'new' | 'changed' | null;
export type Line = { order: Order; unsent: number; fresh: Fresh; done: number; tasks: number };
export type Read = { orders: Order[]; seen: Map<string, number>; known: Known };
const none: Read = { orders: [], seen: new Map(), known: { items: [], photos: [], actions: [] } };

export async function readDay(owner: string): Promise<Read> {
  return db.transaction('r', [db.orders, db.meta, db.items, db.photos, db.actions], async () => {
    const [orders, seen, items, photos, actions] = await Promise.all([
      db.orders.where('owner').equals(owner).toArray(),
      db.meta.where('key').startsWith('seen/').toArray(),
      db.items.where('owner').equals(owner).toArray(),
      db.photos.where('owner').equals(owner).toArray(),
      db.actions.where('owner').equals(owner).toArray(),
    ]);
    return { orders, seen: new Map(seen.map((s) => [s.key.slice(5), (s.value as { version?: number }).version ?? 0])), known: { items, photos, actions } };
  });
}

const byOrder = <T>(rows: readonly T[], of: (row: T) => string | undefined): Map<string, T[]> => {
  const found = new Map<string, T[]>();
  for (const row of rows) {
    const id = of(row) ?? '';
    const list = found.get(id);
    if (list) list.push(row);
    else found.set(id, [row]);
  }
  return found;
};

export class Day {
  private readonly kept: { readonly value: Read; readonly ready: boolean };
  private readonly only: { readonly value: Here };

  constructor() {
    this.kept = live(() => {
      const owner = session.id;
      return () => readDay(owner);
    }, none, opening.is?.day && { value: opening.is.day });
    this.only = here();
  }

  get ready(): boolean {
    return this.kept.ready;
  }

  readonly lines: Line[] = $derived.by(() => {
    const { orders, seen, known } = this.kept.value;
    const items = byOrder(known.items, (i) => i.order_id);
    const photos = byOrder(known.photos, (p) => p.work_order_id);
    const actions = byOrder(known.actions, (a) => a.order_id);
    return orders.map((order) => {
      const tasks = order.gone ? [] : tally(order, { items: items.get(order.id) ?? [], photos: photos.get(order.id) ?? [], actions: actions.get(order.id) ?? [] }).tasks;
      const at = seen.get(order.id);
      const fresh: Fresh = order.gone || order.local ? null : at === undefined ? (order.field_status === 'new' ? 'new' : null) : at < order.version && order.field_status === 'updated' ? 'changed' : null;
      return { order, unsent: this.only.value.orders.get(order.id) ?? 0, fresh, done: tasks.filter((t) => t.done).length, tasks: tasks.length };
    });
  });
}
