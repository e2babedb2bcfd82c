// A phone that was set up by an earlier release keeps what is on it.
import 'fake-indexeddb/auto';
import { Dexie } from 'dexie';
import { describe, expect, it } from 'vitest';
import { db, FieldBase, type Item } from './db';
import { read, write } from './store';

// The stores as each release made them. A line that was released never changes.
const released: Record<number, Record<string, string>> = {
  1: {
    meta: 'key', orders: 'id, owner', surveys: 'id, owner', photos: 'uuid, owner, work_order_id', thumbs: 'uuid',
    items: 'uuid, owner, order_id, [owner+state], [owner+order_id], [owner+created_at]',
    bytes: 'uuid', actions: '++seq, &key, owner, order_id, [owner+state], [owner+order_id]', drafts: 'id, owner',
  },
};

describe('the database of a release', () => {
  for (const [version, stores] of Object.entries(released))
    it(`${version} opens with all that waits in it`, async () => {
      const name = `release-${version}`;
      const old = new Dexie(name);
      old.version(Number(version)).stores(stores);
      await old.table('items').bulkPut(['kept', 'announced', 'safe'].map((state, n) => ({ uuid: `u${n}`, owner: 'me', order_id: 'o', state, created_at: n, size: 3 })));
      await old.table('bytes').put({ uuid: 'u0', data: Uint8Array.of(1, 2, 3).buffer });
      await old.table('actions').add({ key: 'k', owner: 'me', order_id: 'o', kind: 'complete', body: {}, state: 'waiting' });
      await old.table('meta').put({ key: 'cursor', value: { owner: 'me', value: 'c' } });

      const now = new FieldBase(name);
      expect((await now.items.orderBy('uuid').toArray()).map((i: Item) => i.state)).toEqual(['kept', 'announced', 'safe']);
      expect([...new Uint8Array((await now.bytes.get('u0'))!.data)]).toEqual([1, 2, 3]);
      expect(await now.actions.where('[owner+state]').equals(['me', 'waiting']).count()).toBe(1);
      expect(await now.get('cursor')).toEqual({ owner: 'me', value: 'c' });
      const waiting = now.items.where('[owner+state+order_id]').between(['me', 'kept', Dexie.minKey], ['me', 'kept', Dexie.maxKey]);
      expect(await waiting.keys()).toEqual([['me', 'kept', 'o']]);

      // A tab of that release is still open, and goes on.
      await old.open();
      await old.table('items').put({ uuid: 'u3', owner: 'me', order_id: 'o', state: 'kept', created_at: 4, size: 3 });
      expect(await now.items.get('u3')).toMatchObject({ state: 'kept' });
      old.close();
      now.close();
    });
});

it('goes on in a tab of the version before, after the next one has changed the stores', async () => {
  await write(() => db.set('device', 'phone'));
  const next = new FieldBase();
  next.version(db.verno + 1).stores({ drafts: 'id, owner, at' }).upgrade((t) => t.table('meta').put({ key: 'beat', value: { id: 'next', at: 1 } }));
  await next.open();
  await write(() => db.bytes.put({ uuid: 'late', data: new ArrayBuffer(3) }));
  await write(() => db.set('paused', true));
  expect(await read(() => db.get('device'))).toBe('phone');
  expect(await next.get('beat')).toEqual({ id: 'next', at: 1 });
  expect(await next.get('paused')).toBe(true);
  expect((await next.bytes.get('late'))?.data.byteLength).toBe(3);
});
