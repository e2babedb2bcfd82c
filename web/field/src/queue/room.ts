// Room on the phone: bytes leave it after the server has confirmed them, three days later, or at once when space is short.
import { db, type Item } from '../lib/db';
import { write } from '../lib/store';
import { ask } from './http';
import { plain } from './announce';
import { noted } from './noted';

const keepsFor = 3 * 24 * 3_600_000;
const remembersFor = 30 * 24 * 3_600_000;

/** Lets go of what is safe long enough; of all that is safe when `short`. Answers how many bytes that freed. */
export async function release(owner: string, short = false): Promise<number> {
  const safe = noted.items.over(await db.items.where('[owner+state]').equals([owner, 'safe']).toArray());
  let freed = 0;
  const now = Date.now();
  for (const i of safe) {
    // A clock that was set back makes nothing older than it is.
    const age = Math.max(0, now - (i.confirmed_at ?? now));
    if (!short && age < keepsFor) continue;
    if (!i.released && (await confirmed(i, !short))) {
      await write(() => db.bytes.delete(i.uuid)); // by itself: a full phone refuses whatever is written beside it
      await noted.items.note([[i.uuid, { becomes: (now) => ({ ...now, released: true }) }]]);
      freed += i.size;
    }
    if (age > remembersFor && i.released)
      await write(() =>
        db.transaction('rw', db.items, db.thumbs, async () => {
          await db.items.delete(i.uuid);
          await db.thumbs.delete(i.uuid);
        }),
      );
  }
  return freed;
}

/** A photo as the server has it; null when it has none, undefined when it says nothing of that. */
export async function photoAt(owner: string, uuid: string, signal?: AbortSignal): Promise<{ id: string; sha256: string } | null | undefined> {
  const a = await ask(owner, 'GET', '/photos?uuid=' + encodeURIComponent(uuid), { signal });
  if (a.status !== 200) return undefined;
  const there = (a.body as { items?: { uuid: string; sha256: string; id: string }[] } | null)?.items ?? [];
  return there.find((p) => p.id && plain(p.uuid) === plain(uuid)) ?? null;
}

/** Whether the server has said hash and id of an item. The end of an upload said so; a later look may take it back. */
async function confirmed(i: Item, mayAsk: boolean): Promise<boolean> {
  const known = await db.photos.get(i.uuid);
  if (known?.sha256) return known.sha256.toLowerCase() === i.sha256.toLowerCase();
  if (!mayAsk) return Boolean(i.confirmed_at);
  try {
    const mine = await photoAt(i.owner, i.uuid);
    if (mine === undefined) return false;
    if (!mine) {
      // A restored server has lost it: it goes again.
      await write(() => db.items.update(i.uuid, { state: 'kept', sent: 0, upload_url: undefined, confirmed_at: undefined }));
      return false;
    }
    return mine.sha256.toLowerCase() === i.sha256.toLowerCase();
  } catch {
    return false;
  }
}
