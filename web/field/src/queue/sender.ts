// The one sender of this browser: announcements first, then actions, then bytes. It runs in the page or in the service
// worker; a lock keeps others quiet, and nothing depends on it: two senders double nothing.
import { db, type Item } from '../lib/db';
import { read, write } from '../lib/store';
import { sha256 } from '../camera/hash';
import { perform } from './actions';
import { announce, unannounced } from './announce';
import { Away } from '../lib/net';
import { uuid } from '../lib/uuid';
import { ask, Ended, session } from './http';
import { hangs } from './local';
import { itemsIn, noted, untold } from './noted';
import { device, Teller } from './phone';
import { Pieces, rest, restsFor } from './pieces';
import { release } from './room';
import { upload, type Stand } from './upload';

const lock = 'fieldproof-sender';
const channel = 'fieldproof-queue';
const beats = 5000;
/** A holder that shows no life for so long loses the lock. */
const lifeless = 30_000;
/** A sync event ends after five minutes: before that, what remains is registered anew. */
const eventAtMost = 270_000;

/** What may be waited for: something new in the queue, or a line that came back. */
class Bell {
  #waiting = new Set<() => void>();
  #rung = false;

  ring(): void {
    this.#rung = true;
    for (const wake of this.#waiting) wake();
  }

  /** Whether it rang since it was last waited for: then what was just looked at may be different. */
  get rung(): boolean {
    return this.#rung;
  }

  /** Until it rings, or so many ms have passed. */
  async wait(ms: number, signal: AbortSignal, other?: Promise<unknown>): Promise<void> {
    if (this.#rung || signal.aborted) {
      this.#rung = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(over, Math.min(ms, 2 ** 31 - 1));
      const bell = this.#waiting;
      function over() {
        clearTimeout(timer);
        bell.delete(over);
        signal.removeEventListener('abort', over);
        resolve();
      }
      bell.add(over);
      signal.addEventListener('abort', over);
      void other?.then(over, over);
    });
    this.#rung = false;
  }
}

const bell = new Bell();
let others: BroadcastChannel | null = null;

function listen(): BroadcastChannel | null {
  if (!others && typeof BroadcastChannel !== 'undefined') {
    others = new BroadcastChannel(channel);
    others.onmessage = () => bell.ring();
    (others as unknown as { unref?: () => void }).unref?.();
  }
  return others;
}

/** Tells the sender, wherever it runs, that there is something to do. */
export function kick(): void {
  bell.ring();
  listen()?.postMessage('kick');
}

/** How the line did, for what the screen says of the time that is left. */
export const pieces = new Pieces();

/** Whether bytes may go over this line: by Wi-Fi alone, where a person chose so and the browser knows. */
async function bytesMayGo(): Promise<boolean> {
  const settings = await db.get('settings');
  const kind = (navigator as { connection?: { type?: string } }).connection?.type;
  return !settings?.wifi_only || !kind || kind === 'wifi' || kind === 'ethernet' || kind === 'unknown';
}

/** What can be sent of a person's now, oldest first, and in how many ms the next of the others is due. */
async function sendable(owner: string, now: number): Promise<{ ready: Item[]; next: number }> {
  const items = await itemsIn(owner, 'announced', 'sending');
  const ready = items.filter((i) => !hangs(i) && restsFor(i.next_try, now) === 0);
  const next = Math.min(...items.map((i) => restsFor(i.next_try, now)).filter((ms) => ms > 0), Infinity);
  return { ready, next };
}

/**
 * Works the queue until the signal, or with `once` until nothing can be done any more. Answers whether something waits.
 */
export async function work(signal: AbortSignal, once = false): Promise<boolean> {
  listen();
  const flights = new Map<string, Promise<void>>();
  const teller = new Teller();
  let vain = 0; // tries in a row in which the line carried nothing
  while (!signal.aborted) {
    const { session: who, ended, paused } = await read(() => db.several('session', 'ended', 'paused'));
    if (who?.token && !ended && paused) teller.tell(who.user.id, true, signal); // the office sees that it is
    if (!who?.token || ended || paused) {
      if (once) return false;
      await bell.wait(30_000, signal);
      continue;
    }
    const me = who.user.id;
    let pause = 60_000, left = 0;
    try {
      const phone = await device();
      await noted.items.note();
      await noted.actions.note();
      const later = await announce(me, phone, signal);
      if (later > 0) pause = Math.min(pause, later);
      const again = await perform(me, phone, () => announce(me, phone, signal), signal);
      if (again > 0) pause = Math.min(pause, again);
      vain = 0;
      const { ready, next } = (await bytesMayGo()) ? await sendable(me, Date.now()) : { ready: [], next: Infinity };
      for (const item of ready) {
        if (flights.size >= pieces.lanes) break;
        if (flights.has(item.uuid)) continue;
        flights.set(item.uuid, fly(item, phone, signal).finally(() => flights.delete(item.uuid)));
      }
      if (flights.size > 0) {
        teller.tell(me, false, signal);
        const lands = Promise.race(flights.values());
        await bell.wait(15_000, signal, lands);
        await Promise.race([lands, Promise.resolve()]); // what broke is told
        continue;
      }
      pause = Math.min(pause, next);
      if (!signal.aborted) await release(me);
      left = await waiting(me);
      teller.tell(me, once || left === 0, signal);
    } catch (e) {
      if (signal.aborted) break;
      if (e instanceof Ended) continue;
      if (!(e instanceof Away)) console.warn('the queue rests after', e);
      await Promise.allSettled(flights.values());
      pause = rest(vain++);
      if (once && vain > 1) return true; // the browser says when the line is back
      await bell.wait(pause, signal);
      continue;
    }
    if (once && !bell.rung && (pause > 20_000 || left === 0)) break;
    await bell.wait(Math.max(pause, 50), signal);
  }
  await Promise.allSettled(flights.values());
  await teller.done();
  const who = await session();
  return who !== null && (await waiting(who.user.id)) > 0;
}

/** How much of a person's waits for the line. */
async function waiting(owner: string): Promise<number> {
  return (await itemsIn(owner, 'announced', 'sending')).length + (await untold(owner)).length + (await unannounced(owner)).length;
}

/** One item on its way. It fails only by the line or the session; its own troubles are written down beside it. */
async function fly(item: Item, phone: string, signal: AbortSignal): Promise<void> {
  const becomes = (change: (i: Item) => Item, gone?: () => PromiseLike<unknown>) => noted.items.note([[item.uuid, { becomes: change, ...(gone ? { gone } : {}) }]]);
  const change = (part: { [P in keyof Item]?: Item[P] | undefined }) => becomes((i) => (i.state === 'safe' || i.state === 'refused' ? i : ({ ...i, ...part } as Item)));
  const keep = (stand: Stand) => change({ ...stand, state: 'sending' });
  const bytes = await db.bytes.get(item.uuid);
  if (!bytes) return becomes((i) => ({ ...i, state: 'lost', refusal: { code: 'bytes_gone', detail: '' } }));
  const sent = await upload(item, bytes.data, pieces, phone, keep, signal);
  if (sent.kind === 'safe') {
    await becomes(
      ({ refusal: _, ...sound }) => ({ ...sound, state: 'safe', server_id: sent.id, sent: item.size, confirmed_at: Date.now(), next_try: 0, tries: 0 }),
      // what was deleted meanwhile is deleted there too
      () => db.actions.add({ key: uuid(), owner: item.owner, order_id: item.order_id, kind: 'delete', body: { uuid: item.uuid, id: sent.id }, done_at: Date.now(), offset_ms: null, state: 'waiting', tries: 0 }),
    );
    kick(); // what was to be changed of it can be now
    return;
  }
  const tries = (item.tries ?? 0) + 1;
  if (sent.kind === 'later') {
    await change({ tries, next_try: Date.now() + (sent.after || rest(tries)) });
    return;
  }
  // Bytes that changed on their way go again; those that changed on this phone don't.
  if (sent.code === 'sha256/damaged') {
    const whole = (await sha256(bytes.data)) === item.sha256;
    if (whole && tries < 4) {
      await change({ state: 'announced', upload_url: undefined, sent: 0, tries, next_try: Date.now() + rest(tries) });
      return;
    }
    if (!whole) sent.code = 'damaged';
  }
  await becomes((i) => ({ ...i, state: 'refused', upload_url: undefined, sent: 0, refusal: { code: sent.code, detail: sent.detail } }) as Item);
}

/** Holds the lock while the work is done, beating; takes it from a holder that shows no life. */
export function run(signal: AbortSignal): void {
  void hold(signal);
}

async function hold(signal: AbortSignal): Promise<void> {
  const by = uuid();
  while (!signal.aborted) {
    const mine = new AbortController();
    const stop = () => mine.abort();
    signal.addEventListener('abort', stop, { once: true });
    const body = async () => {
      const beat = () => void write(() => db.set('beat', { id: by, at: Math.random() })).catch(() => {});
      beat();
      const timer = setInterval(beat, beats);
      try {
        await work(mine.signal);
      } finally {
        clearInterval(timer);
      }
    };
    try {
      if (!navigator.locks) {
        if (await alive(by, signal)) continue;
        await body();
      } else {
        const got = await navigator.locks.request(lock, { ifAvailable: true }, async (l) => {
          if (!l) return false;
          await body();
          return true;
        });
        if (!got && !signal.aborted && !(await alive(by, signal))) await navigator.locks.request(lock, { steal: true }, body);
      }
    } catch {
      mine.abort(); // the lock was taken from us, who showed no life: somebody else sends
      // A page that is just left is given no lock either: WebKit refuses at once, and who asks again at once never lets it go.
      await new Promise((resolve) => setTimeout(resolve, 1000));
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}

/** Whether another sender shows life: its beat is looked at until it moves, by our own clock, for as long as it may rest. */
async function alive(by: string, signal: AbortSignal): Promise<boolean> {
  const look = () => db.get('beat');
  const was = await look();
  for (let waited = 0; waited < lifeless && !signal.aborted; waited += beats) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, beats);
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
    const now = await look();
    if (now && now.at !== was?.at && now.id !== by) return true;
  }
  return false;
}

/**
 * The service worker's sync event: while a page sends it waits for its turn, which comes when that page is closed. What remains
 * at the end of its time is asked for anew.
 */
export async function drain(): Promise<void> {
  const over = (draining = new AbortController());
  const timer = setTimeout(() => over.abort(), eventAtMost);
  try {
    if (navigator.locks) await navigator.locks.request(lock, { signal: over.signal }, () => work(over.signal, true));
    else await work(over.signal, true);
  } catch (e) {
    if (!over.signal.aborted) throw e;
  } finally {
    clearTimeout(timer);
  }
  if (draining !== over) return; // the next version's page asks for it
  const who = await session();
  if (who && (await waiting(who.user.id)) > 0) await register();
}

let draining: AbortController | null = null;

/** Ends the sync event that waits or works: no other version takes over before its end. The worker takes no other one from then on. */
export function standDown(): void {
  const was = draining;
  draining = null;
  was?.abort();
}

/** Asks for a sync event, where there is such a thing. */
export async function register(): Promise<void> {
  try {
    const registration = (globalThis as { registration?: ServiceWorkerRegistration }).registration ?? (await navigator.serviceWorker?.getRegistration());
    await (registration as { sync?: { register(tag: string): Promise<void> } } | undefined)?.sync?.register('send');
  } catch {
    // the browser allows none: the queue works whenever the app is open
  }
}

/** Ends an upload that nobody wants any more. */
export async function terminate(item: Item): Promise<void> {
  if (!item.upload_url) return;
  try {
    await ask(item.owner, 'DELETE', item.upload_url, { headers: { 'Tus-Resumable': '1.0.0' } });
  } catch {
    // it expires by itself
  }
}
