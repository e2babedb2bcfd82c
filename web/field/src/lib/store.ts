// The one way to write. What a person did is on the phone before the screen says so.
import { Dexie } from 'dexie';
import { db, running } from './db';

/** There is no room left on this phone: a write that fails is the only sign, the browser's estimate tells nothing of the disk. */
export class Full extends Error {
  constructor(cause: unknown) {
    super('There is no room left on this phone.', { cause });
    this.name = 'Full';
  }
}

/** All names that an error bears, from the outermost to the one that began it. */
function names(e: unknown): string[] {
  const found: string[] = [];
  for (let at = e as { name?: string; inner?: unknown; cause?: unknown } | undefined; at && found.length < 8; at = (at.inner ?? at.cause) as typeof at)
    if (at.name) found.push(at.name);
  return found;
}

export function isFull(e: unknown): boolean {
  return e instanceof Full || names(e).includes('QuotaExceededError');
}

// A system that closes the database of a page in the background says it in these ways (WebKit: "connection lost", UnknownError).
const closings = ['DatabaseClosedError', 'InvalidStateError', 'UnknownError', 'OpenFailedError', 'TimeoutError'];

/** Tells whether the system closed the connection, so that the same may be tried over a new one. */
export function isClosed(e: unknown): boolean {
  return names(e).some((n) => closings.includes(n));
}

const reopenings = new Set<() => void>();
/** Calls back whenever the database was opened anew: a query that was under way then is dropped without a word. */
export function onReopened(hear: () => void): () => void {
  reopenings.add(hear);
  return () => reopenings.delete(hear);
}

async function reopened(): Promise<void> {
  db.close({ disableAutoOpen: false });
  await db.open();
  for (const hear of reopenings) hear();
}

// A page that is left may be kept for whoever comes back to it. WebKit keeps its transactions too, as they stood, and whatever they
// hold nobody else reads or writes any more. So they end with the page, and are begun anew if it comes back.
let back: Promise<void> | null = null;
globalThis.addEventListener?.('pagehide', (e) => {
  if (!(e as PageTransitionEvent).persisted) return;
  back = new Promise((resolve) =>
    addEventListener('pageshow', () => {
      back = null;
      resolve();
      for (const hear of reopenings) hear();
    }, { once: true }),
  );
  for (const begun of running) {
    try {
      begun.abort();
    } catch {
      // it is ending by itself
    }
  }
});

let writes = 0;
const watchers = new Set<(writes: number) => void>();
/** Calls back with how many writes are under way. */
export function onWrites(watch: (writes: number) => void): void {
  watchers.add(watch);
}
const tell = (change: number) => {
  writes += change;
  for (const w of watchers) w(writes);
};

/**
 * Runs what writes, over a new connection when the system closed the old one. It may run more than once, so it is a transaction
 * that means the same when it is repeated. Without room it throws [Full].
 */
export async function write<T>(act: () => PromiseLike<T>): Promise<T> {
  tell(1);
  try {
    return await again(act);
  } catch (e) {
    throw isFull(e) && !(e instanceof Full) ? new Full(e) : e;
  } finally {
    tell(-1);
  }
}

/** Runs what only reads, over a new connection when the system closed the old one. */
export function read<T>(act: () => PromiseLike<T>): Promise<T> {
  return again(act);
}

async function again<T>(act: () => PromiseLike<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await Dexie.Promise.resolve(act());
    } catch (e) {
      if (back && names(e).includes('AbortError')) await back;
      else if (attempt === 3 || isFull(e) || !isClosed(e)) throw e;
      await reopened().catch(() => undefined);
    }
  }
}
