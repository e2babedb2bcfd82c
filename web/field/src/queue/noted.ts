// What the server said of what waits here. Sending is what makes room on a full phone, so it goes on where nothing can be written:
// what finds no room is remembered until there is some, and whoever opens the app before that is told it anew.
import type { Table } from 'dexie';
import { db, onlyHere, untaken, type Action, type Item } from '../lib/db';
import { Full, write } from '../lib/store';

/** What becomes of a row, the same one where there is nothing to change any more; and what is to be done where it was deleted meanwhile. */
export type Change<T> = { becomes: (row: T) => T; gone?: () => PromiseLike<unknown> };

class Noted<T, K> {
  #unwritten = new Map<K, Change<T>[]>();
  #turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly table: Table<T, K>,
    private readonly key: (row: T) => K,
  ) {}

  /** Rows as they stand, with what could not be written down. */
  over(rows: T[]): T[] {
    return rows.map((row) => changed(row, this.#unwritten.get(this.key(row))));
  }

  /** Whether rows stand as they are written. */
  get none(): boolean {
    return this.#unwritten.size === 0;
  }

  /** Writes down what becomes of rows, and what found no room before. What comes while that is written goes together after it. */
  note(changes: Iterable<[K, Change<T>]> = []): Promise<void> {
    for (const [key, change] of changes) this.#unwritten.set(key, [...(this.#unwritten.get(key) ?? []), change]);
    const written = this.#turn.then(() => this.#write());
    this.#turn = written.catch(() => undefined);
    return written;
  }

  async #write(): Promise<void> {
    const now = [...this.#unwritten];
    if (now.length === 0) return;
    try {
      await write(() =>
        db.transaction('rw', this.table, db.actions, async () => {
          for (const [key, all] of now) {
            const was = await this.table.get(key);
            if (!was) for (const c of all) await c.gone?.();
            else if (changed(was, all) !== was) await this.table.put(changed(was, all));
          }
        }),
      );
    } catch (e) {
      if (e instanceof Full) return;
      throw e;
    }
    for (const [key, all] of now) {
      const since = (this.#unwritten.get(key) ?? []).filter((c) => !all.includes(c));
      if (since.length > 0) this.#unwritten.set(key, since);
      else this.#unwritten.delete(key);
    }
  }

  /** Lets go of what found no room: it holds no more. */
  forget(): void {
    this.#unwritten.clear();
  }
}

function changed<T>(row: T, changes: Change<T>[] = []): T {
  return changes.reduce((now, c) => c.becomes(now), row);
}

export const noted = { items: new Noted<Item, string>(db.items, (i) => i.uuid), actions: new Noted<Action, number>(db.actions, (a) => a.seq ?? 0) };

/** A person's items in some states of those that are on this phone alone, oldest first. */
export async function itemsIn(owner: string, ...states: (typeof onlyHere)[number][]): Promise<Item[]> {
  const written = noted.items.none ? states : onlyHere;
  const items = await db.transaction('r', db.items, () => Promise.all(written.map((s) => db.items.where('[owner+state]').equals([owner, s]).toArray())));
  return noted.items.over(items.flat()).filter((i) => (states as string[]).includes(i.state)).sort((a, b) => a.created_at - b.created_at);
}

/** What a person did and the server was not told, oldest first. */
export async function untold(owner: string): Promise<Action[]> {
  return actionsIn(owner, 'waiting');
}

/** What a person did, in some states of what the server has not taken over, oldest first. */
export async function actionsIn(owner: string, ...states: (typeof untaken)[number][]): Promise<Action[]> {
  const written = noted.actions.none ? states : untaken;
  const rows = await db.actions.where('[owner+state]').anyOf(written.map((s) => [owner, s])).sortBy('seq');
  return noted.actions.over(rows).filter((a) => (states as string[]).includes(a.state));
}
