import 'fake-indexeddb/auto';
import { expect, it } from 'vitest';
import { db, FieldBase } from './db';
import { read, write } from './store';

it('goes on in a tab of the version before, after the next one has changed the stores', async () => {
  await write(() => db.set('device', 'phone'));
  const next = new FieldBase();
  next.version(2).stores({ drafts: 'id, owner, at' }).upgrade((t) => t.table('meta').put({ key: 'beat', value: { id: 'next', at: 1 } }));
  await next.open();
  await write(() => db.bytes.put({ uuid: 'late', data: new ArrayBuffer(3) }));
  await write(() => db.set('paused', true));
  expect(await read(() => db.get('device'))).toBe('phone');
  expect(await next.get('beat')).toEqual({ id: 'next', at: 1 });
  expect(await next.get('paused')).toBe(true);
  expect((await next.bytes.get('late'))?.data.byteLength).toBe(3);
});
