// What the app opens with, read in one transaction before anything is drawn: a slow phone takes longer to ask for one thing after
// the other than for all the rest.
import { db } from './lib/db';
import { drawn } from './lib/drawn';
import { counted } from './lib/here.svelte';
import { opening, type Opening } from './lib/opening';
import { read } from './lib/store';
import { readDay } from './screens/orders/day.svelte';

export async function open(): Promise<Opening> {
  const atList = /^\/field\/?$/.test(location.pathname);
  const is = await read<Opening>(() =>
    db.transaction('r', [db.meta, db.orders, db.items, db.photos, db.actions], async () => {
      const kept = await db.several('device', 'ended', 'session', 'settings', 'synced_at');
      const owner = kept.session?.user.id;
      if (!owner) return kept;
      const [here, day] = await Promise.all([counted(owner), atList ? readDay(owner) : undefined]);
      return { ...kept, here, ...(day ? { day } : {}) };
    }),
  );
  opening.is = is;
  return is;
}

/** It was used for what is drawn next, and for nothing after it. */
export function opened(): void {
  void drawn().then(() => (opening.is = undefined));
}
