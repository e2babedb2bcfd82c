// The queue as screens use it: everything that a person does is on the phone before the screen says so.
import { liveQuery, type Observable } from 'dexie';
import { db, isOnlyHere, missed, onlyHere, type Action, type Item } from '../lib/db';
import { rested } from '../lib/rested';
import { Full, write } from '../lib/store';
import { session } from './http';
import { uuid } from '../lib/uuid';
import { offset, within } from '../lib/clock';
import { hangs } from './local';
import { stayAwake } from './awake';
import * as files from './rescue';
import { release } from './room';
import { device } from './phone';
import { kick, pieces, register, run, terminate } from './sender';

export { announceAll } from './again';
export { kick } from './sender';

/** Thrown when nobody is signed in under whose name something could be kept. */
export class Nobody extends Error {}

async function me(): Promise<string> {
  const who = await session();
  if (!who) throw new Nobody('nobody is signed in');
  return who.user.id;
}

/**
 * Writes, and when there is no room lets go of what was sent and writes again. Throws [Full] when there is none even then:
 * what was to be written stays with whoever holds it.
 */
async function withRoom<T>(owner: string, fn: () => PromiseLike<T>): Promise<T> {
  try {
    return await write(fn);
  } catch (e) {
    if (!(e instanceof Full)) throw e;
    await release(owner, true);
    return write(fn);
  }
}

/** What a camera knows of an item; the rest is the queue's. */
export type Taken = Omit<Item, 'owner' | 'kind' | 'state' | 'sent' | 'tries' | 'created_at' | 'offset_ms' | 'zone'> & Partial<Pick<Item, 'zone' | 'offset_ms'>>;

/** Keeps an item and its bytes in one transaction: when this resolves it is on the phone. */
export async function keep(taken: Taken, bytes: ArrayBuffer, thumb?: ArrayBuffer): Promise<Item> {
  const owner = await me();
  const item = {
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone, offset_ms: await offset(),
    ...taken, owner, kind: 'photo', state: 'kept', sent: 0, tries: 0, created_at: Date.now(),
  } as Item;
  await withRoom(owner, () =>
    db.transaction('rw', db.bytes, db.items, db.thumbs, async () => {
      await db.bytes.put({ uuid: item.uuid, data: bytes });
      await db.items.put(item);
      if (thumb) await db.thumbs.put({ uuid: item.uuid, data: thumb });
    }),
  );
  kick();
  void register();
  return item;
}

/** Keeps what a person did on an order, to be told the server in the order in which it was done. */
export async function act(kind: Action['kind'], order: string, body: Record<string, unknown> = {}): Promise<void> {
  const owner = await me();
  const offset_ms = await offset();
  const action = { key: uuid(), owner, order_id: order, kind, body, done_at: Date.now(), offset_ms, state: 'waiting', tries: 0 } as Action;
  const end = await withRoom(owner, () =>
    db.transaction('rw', [db.actions, db.items, db.bytes, db.thumbs], async () => {
      if (kind === 'caption' || kind === 'move' || kind === 'delete') {
        const item = await db.items.get(String(body.uuid));
        if (item && item.owner !== owner) throw new Nobody('this was taken by somebody else');
        const unheard = item && item.state === 'kept' && !item.announced_at && !item.upload_url; // the server knows nothing of it
        if (item && kind === 'delete') {
          await Promise.all([db.bytes.delete(item.uuid), db.items.delete(item.uuid), db.thumbs.delete(item.uuid)]);
          if (!unheard) await db.actions.add({ ...action, body: { ...body, ...(item.server_id ? { id: item.server_id } : {}) } });
          return item;
        }
        if (item) {
          const change: Partial<Item> = {};
          if (typeof body.notes === 'string') change.notes = body.notes;
          if (typeof body.task_id === 'string') change.task_id = body.task_id;
          if (typeof body.evidence_type === 'string') change.evidence_type = body.evidence_type;
          // The office sees the new words beside what is announced; once the bytes are there the photo itself gets them.
          if (item.state === 'announced') change.state = 'kept';
          // One whose task is gone, or whose order would not have it there, goes again from its new place.
          if (item.state === 'refused' && kind === 'move') Object.assign(change, { state: 'kept', refusal: undefined, tries: 0, next_try: 0 });
          await db.items.update(item.uuid, change);
          if (unheard) return null;
        }
      }
      await db.actions.add(action);
      return null;
    }),
  );
  if (end) void terminate(end);
  kick();
  void register();
}

export type Counts = {
  /** Items whose only bytes are on this phone, and the parts of that. */
  here: number; kept: number; announced: number; sending: number; refused: number;
  /** Items that are safe, and were taken or sent since the day began. */
  safe: number;
  /** Actions that the server does not know; those that it refused, or met with a conflict. */
  actions: number; conflicts: number;
  /** What other people of this phone have here: how much, not what. */
  others: number;
};

const nothing: Counts = { here: 0, kept: 0, announced: 0, sending: 0, refused: 0, safe: 0, actions: 0, conflicts: 0, others: 0 };

/** The counts as they change. */
export function counts(): Observable<Counts> {
  return liveQuery(rested(count));
}

const inState = (own: string, state: Item['state']) => db.items.where('[owner+state]').equals([own, state]).count();

/** What is read by way of [read] is not seen to change: the queries of this one are the database's own. */
export async function count(): Promise<Counts> {
  const own = (await db.get('session'))?.user.id ?? '';
  const c = { ...nothing };
  for (const s of onlyHere) c.here += c[s] = await inState(own, s);
  const morning = new Date().setHours(0, 0, 0, 0);
  c.safe = await db.items.where('[owner+state]').equals([own, 'safe']).filter((i) => i.created_at >= morning || (i.confirmed_at ?? 0) >= morning).count();
  const actions = await db.actions.where('owner').equals(own).filter(missed).toArray();
  c.actions = actions.filter((a) => a.state === 'waiting').length;
  c.conflicts = actions.filter((a) => a.state === 'refused' || a.state === 'conflict').length;
  c.others = await db.items.where('owner').notEqual(own).filter(isOnlyHere).count();
  return c;
}

let running: AbortController | null = null;

/** Sends whenever there is something to send and a line, for as long as this page lives. */
export function start(): void {
  if (running) return;
  running = new AbortController();
  run(running.signal);
  for (const e of ['online', 'focus', 'pageshow']) addEventListener(e, kick);
  document.addEventListener('visibilitychange', () => (document.visibilityState === 'visible' ? kick() : void register())); // the worker goes on where it may
  // iOS may resume a page without any event: a timer that fires late tells that it slept.
  let last = Date.now();
  setInterval(() => {
    if (!within(15_000, last)) kick();
    last = Date.now();
  }, 5000);
  const under = async (own: string) => (await inState(own, 'announced')) + (await inState(own, 'sending'));
  liveQuery(rested(async () => ({ under: await under((await db.get('session'))?.user.id ?? ''), paused: (await db.get('paused')) ?? false }))).subscribe({ next: (s) => stayAwake(s.under, s.paused), error: () => undefined });
}

/** Rests, or goes on, until somebody says otherwise. */
export async function pause(is = true): Promise<void> {
  await write(() => db.set('paused', is));
  kick(); // also to rest: the office is told of it
}

/** Tries a refused item once more; under a new uuid where the server has other bytes under its own. */
export async function again(id: string): Promise<void> {
  const owner = await me();
  await withRoom(owner, () =>
    db.transaction('rw', db.items, db.bytes, db.thumbs, async () => {
      const item = await db.items.get(id);
      if (!item || item.owner !== owner || item.state === 'safe') return;
      const { refusal, upload_url: _, announced_at, ...rest } = item;
      const fresh: Item = { ...rest, state: 'kept', tries: 0, next_try: 0, sent: 0 };
      if (!refusal || !sameNumber(refusal.code)) {
        await db.items.put({ ...fresh, ...(announced_at ? { announced_at } : {}) });
        return;
      }
      const [bytes, thumb] = [await db.bytes.get(id), await db.thumbs.get(id)];
      const now = uuid();
      await Promise.all([db.items.delete(id), db.bytes.delete(id), db.thumbs.delete(id)]);
      await db.items.put({ ...fresh, uuid: now });
      if (bytes) await db.bytes.put({ ...bytes, uuid: now });
      if (thumb) await db.thumbs.put({ ...thumb, uuid: now });
    }),
  );
  kick();
}

/** Whether a refusal says that the server has another photo under the same uuid. */
export function sameNumber(code: string): boolean {
  return /(^|\/)(other_bytes|announced)$/.test(code);
}

/** Takes an item away, from the server too where it is known there. */
export async function remove(id: string): Promise<void> {
  const item = await db.items.get(id);
  if (item) await act('delete', item.order_id, { uuid: id });
}

/** The rescue files of all that is unsent, one after the other: each is made when it is asked for. */
export async function rescue(): Promise<{ count: number; parts: number; file: (n: number) => Promise<File> }> {
  const who = await session();
  if (!who) throw new Nobody('nobody is signed in');
  const all = await files.parts(who.user.id);
  const actions = await db.actions.where('owner').equals(who.user.id).filter((a) => a.state !== 'done').count();
  const of = Math.max(all.length, actions > 0 ? 1 : 0);
  const phone = await device();
  const owner = { id: who.user.id, username: who.user.username };
  return { count: all.flat().length, parts: of, file: (n) => files.fileOf(owner, phone, all[n - 1] ?? [], n, of) };
}

/** About how long what waits will take, in ms, by what got through; null while nothing was measured. */
export async function timeLeft(): Promise<number | null> {
  const who = await session();
  if (!who || pieces.speed === 0) return null;
  let bytes = 0;
  await db.items.where('[owner+state]').anyOf(['kept', 'announced', 'sending'].map((s) => [who.user.id, s])).each((i) => (bytes += i.size - i.sent));
  return (bytes / (pieces.speed * pieces.lanes)) * 1000;
}

/** Whether something hangs on an order that only this phone knows. */
export function waitsForOrder(item: Pick<Item, 'order_id' | 'task_id'>): boolean {
  return hangs(item);
}
