import 'fake-indexeddb/auto';
import { beforeEach, expect, it, vi } from 'vitest';
import { db } from './db';
import { session } from './session.svelte';
import { refresh } from './sync';
import { act } from '../queue';
import { work } from '../queue/sender';

vi.stubGlobal('navigator', { onLine: true });
const code = 'Gate code 4711';
const order = { id: 'ORDER00000000000000000000A', owner: 'me', work_order_number: '1', client_code: '', state: 'assigned', work_order_info: code };

/** Answers to paths, each held back until it is let go; a DELETE is answered at once. */
let held: Map<string, () => void>;
function answers(of: Record<string, unknown>): void {
  held = new Map();
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    if (init.method === 'DELETE') return new Response(null, { status: 204 });
    const path = url.replace('/api/v1', '');
    const body = of[path];
    if (body === undefined) return new Response('{}', { status: 404 });
    await new Promise<void>((go) => held.set(path, go));
    return body instanceof ArrayBuffer ? new Response(body) : Response.json(body);
  });
}
const asked = (path: string) => vi.waitFor(() => expect(held.has(path)).toBe(true));

/** All that the phone keeps, as whoever takes it apart reads it. */
const kept = async () => JSON.stringify(await Promise.all(db.tables.map((t) => t.toArray())));

const signedIn = { token: 'token', user: { id: 'me', username: 'me' }, account: { id: 'a', name: 'A', zone: 'UTC', region: 'US', units: 'imperial' }, host: '', expires_at: null };
beforeEach(async () => {
  await Promise.all(db.tables.map((t) => t.clear()));
  await db.set('device', 'a-phone');
  await db.set('session', signedIn as never);
  await session.load({ device: 'a-phone', ended: false, session: signedIn as never });
});

it('keeps nothing of an answer to a sync that comes after its person has left', async () => {
  answers({ '/sync': { now: new Date().toISOString(), cursor: 'c', everything: true, orders: [order], gone: [], surveys: [], photos: [] } });
  const going = refresh();
  await asked('/sync');
  await session.leave();
  held.get('/sync')!();
  await going;
  expect(await kept()).not.toContain(code);
  expect(await db.get('cursor')).toBeUndefined();
});

it('keeps nothing of the order in an answer to an action that comes after its person has left', async () => {
  await db.orders.put(order as never);
  const path = `/work-orders/${order.id}/view`;
  answers({ [path]: order });
  await act('view', order.id);
  const going = work(new AbortController().signal, true);
  await asked(path);
  await session.leave();
  held.get(path)!();
  await going;
  expect(await kept()).not.toContain(code);
});

it('brings no session back when what it asked of itself comes after its person has left', async () => {
  answers({ '/account': { ...signedIn.account, name: 'B' }, '/sessions/current': { user: signedIn.user, expires_at: null } });
  const going = session.renew();
  await asked('/sessions/current');
  await session.leave();
  for (const go of held.values()) go();
  await going;
  expect(await db.get('session')).toBeUndefined();
});

it('takes the pictures along that came from the server', async () => {
  await db.photos.put({ id: 'p', uuid: 'there', sha256: '', review: '', reason: '', owner: 'me' });
  await db.items.put({ uuid: 'here', owner: 'me', state: 'kept' } as never);
  for (const uuid of ['there', 'here']) await db.thumbs.put({ uuid, data: new ArrayBuffer(1) });
  answers({});
  await session.leave();
  expect(await db.thumbs.toCollection().primaryKeys()).toEqual(['here']);
});
