// How far this phone's clock is from the server's, measured at each contact. Offline a browser proves nothing more.
import { db, type Meta } from './db';
import { isFull, write } from './store';

type Clock = Meta['clock'];
const stale = 10 * 60_000;

/** What to keep of an old and a new measurement: the sharper one, but the new one when the old is stale or was plainly overtaken. */
export function better(old: Clock | undefined, fresh: Clock): Clock {
  if (!old || fresh.error_ms <= old.error_ms || Math.abs(fresh.measured_at - old.measured_at) > stale) return fresh;
  return Math.abs(fresh.offset_ms - old.offset_ms) > fresh.error_ms + old.error_ms ? fresh : old;
}

/** Whether less than so many ms have passed since a moment of this phone's clock; one that was set meanwhile says that they have. */
export function within(ms: number, since: number): boolean {
  return Math.abs(Date.now() - since) < ms;
}

let kept: Clock | undefined;

/** Takes the server's time, said with an error, in an answer to what was asked between two moments of this phone. */
export async function measured(server: number, error: number, asked: number, answered: number): Promise<void> {
  if (!Number.isFinite(server) || answered < asked) return; // the clock was set meanwhile
  kept ??= await db.get('clock');
  const middle = (asked + answered) / 2;
  const now = better(kept, { offset_ms: Math.round(server - middle), error_ms: Math.ceil(error + (answered - asked) / 2), measured_at: answered });
  if (now === kept) return;
  kept = now;
  await write(() => db.set('clock', now)).catch((e: unknown) => {
    if (!isFull(e)) throw e; // it is measured again at the next contact
  });
}

/** Server minus phone in milliseconds, as last measured; null when it never was. */
export async function offset(): Promise<number | null> {
  return (kept ?? (await db.get('clock')))?.offset_ms ?? null;
}
