// This phone: its id, and what the office is told of it while somebody is signed in.
import { db, missed, onlyHere, untaken, type Schemas } from '../lib/db';
import { offset, within } from '../lib/clock';
import { runsOnItsOwn } from '../lib/installed';
import { Away } from '../lib/net';
import { isFull, write } from '../lib/store';
import { uuid } from '../lib/uuid';
import { ask, Ended, later, retryAfter } from './http';
import { actionsIn, itemsIn } from './noted';

const minute = 60_000;
/** When the same is told again: the office sees when a phone was seen last, and a restored server has forgotten it. */
const hour = 60 * minute;

type Report = Required<Schemas['DeviceReport']>;
type Hints = { platform?: string; platformVersion?: string; model?: string };

export async function device(): Promise<string> {
  const kept = await db.get('device');
  if (kept) return kept;
  return write(() =>
    db.transaction('rw', db.meta, async () => {
      const kept = await db.get('device');
      if (kept) return kept;
      const made = uuid();
      await db.set('device', made);
      return made;
    }),
  );
}

/** Tells the office of this phone, beside what is sent: it holds up nothing, and fails nothing. */
export class Teller {
  #turn: Promise<void> = Promise.resolve();
  #told = { owner: '', text: '', at: 0 };
  #tried = { owner: '', at: 0, rest: minute, heard: true };

  /** Tells what has changed since it was last told: at most once a minute, but at once when `still`, when nothing more can be sent now. */
  tell(owner: string, still: boolean, signal: AbortSignal): void {
    this.#turn = this.#turn.then(() => this.#tell(owner, still, signal)).catch((e: unknown) => {
      if (!signal.aborted && !(e instanceof Away) && !(e instanceof Ended)) console.warn('the office is not told of this phone after', e);
    });
  }

  /** Until all is told. */
  done(): Promise<void> {
    return this.#turn;
  }

  async #tell(owner: string, still: boolean, signal: AbortSignal): Promise<void> {
    const tried = this.#tried;
    if (signal.aborted || (tried.owner === owner && within(tried.rest, tried.at) && !(still && tried.heard))) return;
    const report = await reportOf(owner);
    const { quota: _, used: __, offset_ms: ___, ...changes } = report; // those are never the same twice
    const text = JSON.stringify(changes);
    if (this.#told.owner === owner && this.#told.text === text && within(hour, this.#told.at)) return;
    this.#tried = { owner, at: Date.now(), rest: minute, heard: false };
    const a = await ask(owner, 'PUT', '/devices/' + encodeURIComponent(await device()), { json: report, patience: 15_000, signal });
    if (later(a.status)) {
      this.#tried.rest = Math.max(minute, retryAfter(a));
      return;
    }
    this.#tried.heard = true; // a server that knows no phones, or wants to hear nothing, is told no more of this either
    this.#told = { owner, text, at: Date.now() };
  }
}

async function reportOf(owner: string): Promise<Report> {
  const items = await itemsIn(owner, ...onlyHere);
  const actions = (await actionsIn(owner, ...untaken)).filter(missed);
  const kept = await db.several('paused', 'persisted');
  const [now, room, own] = [await offset(), await roomHere(), await installed()];
  // By the clock of the server, as far as it was known then.
  const since = [...items.map((i) => i.created_at + (i.offset_ms ?? now ?? 0)), ...actions.map((a) => a.done_at + (a.offset_ms ?? now ?? 0))].reduce((a, b) => Math.min(a, b), Infinity);
  return {
    ...(await called()), app: import.meta.env.VITE_VERSION ?? '', installed: own, persisted: kept.persisted ?? false, paused: kept.paused ?? false,
    quota: room.quota ?? null, used: room.usage ?? null, offset_ms: now,
    waiting: {
      photos: items.length, actions: actions.length, bytes: items.reduce((n, i) => n + Math.max(0, i.size - i.sent), 0),
      since: Number.isFinite(since) ? new Date(since).toISOString() : null,
    },
  };
}

/** How much room there is, as the browser estimates it, where it does. */
async function roomHere(): Promise<StorageEstimate> {
  try {
    return (await navigator.storage?.estimate?.()) ?? {};
  } catch {
    return {}; // not every browser does in every mode
  }
}

/** Whether the app is on the home screen: a page knows, and the service worker from it. */
async function installed(): Promise<boolean> {
  const was = (await db.get('installed')) ?? false;
  const is = runsOnItsOwn() ?? was;
  if (is !== was)
    await write(() => db.set('installed', is)).catch((e: unknown) => {
      if (!isFull(e)) throw e; // it is kept once there is room
    });
  return is;
}

async function called(): Promise<{ name: string; platform: string }> {
  const data = (navigator as { userAgentData?: { getHighEntropyValues(of: string[]): Promise<Hints> } }).userAgentData;
  const hints = await data?.getHighEntropyValues(['model', 'platformVersion']).catch(() => undefined); // a browser may tell nobody
  return nameOf(navigator.userAgent ?? '', hints);
}

/** What a phone is called, only to be shown: by the browser's own hints, else by what its user agent says. */
export function nameOf(agent: string, hints: Hints = {}): { name: string; platform: string } {
  const [, apple = ''] = /\((iPhone|iPad|iPod)/.exec(agent) ?? [];
  const [, ios = ''] = /OS (\d+)_/.exec(agent) ?? [];
  const [, android = '', model = ''] = /Android (\d+)[\d.]*(?:; ([^;)]+))?/.exec(agent) ?? [];
  const [, desk = ''] = /(Windows|Macintosh|CrOS|Linux)/.exec(agent) ?? [];
  const unnamed = ['K', 'Mobile', 'Tablet']; // what browsers say in its place
  const name = hints.model || apple || (unnamed.includes(model) ? '' : model.replace(/ Build\/.*/, ''));
  const platform = apple ? `iOS ${ios}` : android ? `Android ${/^\d+/.exec(hints.platformVersion ?? '') ?? android}` : hints.platform || desk;
  return { name: name.trim().slice(0, 100), platform: platform.trim().slice(0, 100) };
}
