import { db, type Item } from '../lib/db';
import { write } from '../lib/store';
import { session } from './http';
import { noted } from './noted';
import { kick } from './sender';

/**
 * A server that does not know the phone's cursor may be a restored one, and may have forgotten what was announced and even what
 * arrived: all whose bytes are still here is announced again. What it has it says has arrived.
 */
export async function announceAll(): Promise<void> {
  const who = await session();
  if (!who) return;
  noted.items.forget();
  const have = new Set(await db.bytes.toCollection().primaryKeys());
  await write(() =>
    db.items.where('owner').equals(who.user.id).modify((i: Item) => {
      if (!have.has(i.uuid) || i.state === 'refused' || i.state === 'lost') return;
      i.state = 'kept';
      i.next_try = 0;
    }),
  );
  kick();
}
