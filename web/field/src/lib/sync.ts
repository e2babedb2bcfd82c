// One call brings what changed since, however long ago.
import { announceAll } from '../queue';
import { measured, within } from './clock';
import { bare, db, type KnownPhoto, type Order, type Survey } from './db';
import { ask, call, line } from './net';
import { session } from './session.svelte';
import { read, write } from './store';
import { listen } from './stream';

export type SyncAnswer = {
  now: string;
  cursor: string;
  orders: Omit<Order, 'owner'>[];
  gone: string[];
  surveys: Omit<Survey, 'owner'>[];
  photos: Omit<KnownPhoto, 'owner'>[];
  /** The answer holds everything: what it does not name is gone. */
  everything: boolean;
  work_types?: unknown[];
};

let going: Promise<void> | null = null;
let wanted = false;

/** Asks what changed. Who asks while it runs is answered by one more run after it. */
export function refresh(): Promise<void> {
  if (going) {
    wanted = true;
    return going;
  }
  going = once().finally(() => {
    going = null;
    if (wanted) {
      wanted = false;
      void refresh().catch(() => undefined);
    }
  });
  return going;
}

async function once(): Promise<void> {
  const who = await read(() => db.get('session'));
  if (!who || (await db.get('ended'))) return;
  const cursor = await db.get('cursor');
  const since = cursor?.owner === who.user.id ? cursor.value : '';
  const asked = Date.now();
  const answer = await ask<SyncAnswer>('GET', '/sync' + (since ? '?cursor=' + encodeURIComponent(since) : ''), undefined, { patience: 60_000 });
  const answered = Date.now();
  await measured(Date.parse(answer.now), 1, asked, answered);
  await take(who.user.id, answer, answered);
  if (since && answer.everything) await announceAll(); // a restored server may know nothing of what waits here
  void thumbnails(who.user.id).catch(() => undefined);
}

/** Writes an answer of /sync, unless whoever asked has left meanwhile. */
export async function take(owner: string, answer: SyncAnswer, at: number): Promise<void> {
  await write(() =>
    db.transaction('rw', [db.meta, db.orders, db.surveys, db.photos], async () => {
      if (!(await db.isIn(owner))) return;
      const known = new Map((await db.orders.where('owner').equals(owner).toArray()).map((o) => [o.id, o]));
      const named = new Set(answer.orders.map((o) => o.id));
      const lost = new Set(answer.gone);
      if (answer.everything) for (const o of known.values()) if (!o.local && !named.has(o.id)) lost.add(o.id);
      await db.orders.bulkPut(answer.orders.map((o) => ({ ...o, owner }) as Order));
      await db.orders.bulkPut([...lost].flatMap((id) => known.get(id) ?? []).map(bare));
      await db.surveys.bulkPut(answer.surveys.map((s) => ({ ...s, owner })));
      if (answer.everything) await db.photos.where('owner').equals(owner).delete();
      await db.photos.bulkPut(answer.photos.map((p) => ({ ...p, owner })));
      await db.set('cursor', { owner, value: answer.cursor });
      await db.set('synced_at', at);
      if (answer.work_types) await db.set('work_types', answer.work_types);
    }),
  );
}

const mostThumbs = 60;

/** Fetches small pictures of what I took elsewhere, those that were rejected first. */
async function thumbnails(owner: string): Promise<void> {
  const mine = await db.photos.where('owner').equals(owner).toArray();
  const have = new Set(await db.thumbs.toCollection().primaryKeys());
  const lacking = mine.filter((p) => p.id && !have.has(p.uuid)).sort((a, b) => Number(b.review === 'rejected') - Number(a.review === 'rejected'));
  for (const p of lacking.slice(0, mostThumbs)) {
    const r = await call('/photos/' + p.id + '/thumbnail');
    if (!r.ok) continue;
    const data = await r.arrayBuffer();
    await write(() =>
      db.transaction('rw', db.meta, db.thumbs, async () => {
        if (await db.isIn(owner)) await db.thumbs.put({ uuid: p.uuid, data });
      }),
    );
  }
}

const often = 5 * 60_000;
let started = false;

/** Keeps what is shown as new as the network allows, while the app is open. */
export function watch(): void {
  if (started) return;
  started = true;
  let last = 0;
  let renewed = 0;
  const soon = (after = 5000) => {
    if (document.hidden || !session.who || within(after, last)) return;
    last = Date.now();
    void refresh().catch(() => undefined);
    if (within(3_600_000, renewed)) return;
    renewed = last;
    void session.renew().catch(() => (renewed = 0));
  };
  // iOS resumes an app now with one of these, now with another, now with none.
  for (const resumed of ['focus', 'pageshow', 'online'] as const) addEventListener(resumed, () => soon());
  document.addEventListener('visibilitychange', () => soon());
  setInterval(() => soon(often), 30_000);
  let heard: ReturnType<typeof setTimeout> | undefined;
  listen(() => {
    clearTimeout(heard);
    heard = setTimeout(() => soon(0), 400); // events come in flocks
  });
  line.addEventListener('lost', () => (last = 0));
  soon(0);
}
