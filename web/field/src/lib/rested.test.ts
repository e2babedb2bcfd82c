import 'fake-indexeddb/auto';
import { liveQuery } from 'dexie';
import { afterEach, expect, it } from 'vitest';
import { counted } from './here.svelte';
import { db, type Item } from './db';
import { rested } from './rested';

const item = (n: number, part: Partial<Item> = {}) => ({ uuid: `u${n}`, owner: 'me', order_id: 'o', state: 'kept', created_at: n, size: 3, ...part }) as Item;

afterEach(() => Promise.all([db.items.clear(), db.actions.clear()]));

it('answers what changes in a flock together, and ends with how it is', async () => {
  let asked = 0;
  const told: number[] = [];
  const watching = liveQuery(rested(async () => {
    asked++;
    const kept = await db.items.where('[owner+state]').equals(['me', 'kept']).count();
    return kept + (await db.actions.where('[owner+state]').equals(['me', 'waiting']).count());
  })).subscribe((n) => told.push(n));
  await expect.poll(() => told).toEqual([0]);
  for (let n = 0; n < 30; n++) await db.items.put(item(n));
  await db.actions.add({ key: 'k', owner: 'me', order_id: 'o', kind: 'complete', body: {}, done_at: 1, offset_ms: null, state: 'waiting', tries: 0 });
  await expect.poll(() => told.at(-1)).toBe(31);
  expect(asked).toBeLessThan(10);
  await db.items.delete('u0');
  await expect.poll(() => told.at(-1)).toBe(30);
  watching.unsubscribe();
});

it('counts what is on this phone alone, by order', async () => {
  await db.items.bulkPut([item(1), item(2), item(3, { order_id: 'p' }), item(4, { state: 'refused' }), item(5, { state: 'safe' }), item(6, { owner: 'other' })]);
  const here = await counted('me');
  expect({ ...here, orders: [...here.orders] }).toEqual({ items: 4, refused: 1, actions: 0, others: 1, orders: [['o', 3], ['p', 1]] });
});
