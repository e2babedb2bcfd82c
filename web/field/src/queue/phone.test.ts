import 'fake-indexeddb/auto';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sha256 } from '../camera/hash';
import { db } from '../lib/db';
import { uuid } from '../lib/uuid';
import { act, keep, pause } from '.';
import { nameOf, Teller } from './phone';
import { work } from './sender';
import { FakeServer } from './server.fake';

vi.stubGlobal('navigator', { onLine: true, userAgent: 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36', storage: { estimate: async () => ({ quota: 1000, usage: 10 }) } });
const order = 'ORDER00000000000000000000A';
let server: FakeServer;
let sending: AbortController;
let clock: number; // what has passed beside the true time

beforeEach(async () => {
  server = new FakeServer();
  vi.stubGlobal('fetch', server.fetch);
  const now = Date.now.bind(Date);
  clock = 0;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + clock);
  await Promise.all(db.tables.map((t) => t.clear()));
  await db.set('device', 'this-phone');
  await db.set('session', { token: 'token', user: { id: 'me', username: 'me' }, account: { id: 'a' }, host: '', expires_at: null } as never);
  sending = new AbortController();
});
afterEach(() => {
  sending.abort();
  vi.restoreAllMocks();
});

async function photo(size = 3000): Promise<string> {
  const bytes = crypto.getRandomValues(new Uint8Array(size)).buffer;
  const id = uuid();
  await keep({ uuid: id, order_id: order, task_id: 'TASK', evidence_type: 'after', taken_at: Date.now(), position_state: 'none', source: 'mobile_camera', notes: '', sha256: await sha256(bytes), size, width: 10, height: 10 }, bytes);
  return id;
}
const open = () => void work(sending.signal);
const told = (n: number) => vi.waitFor(() => expect(server.told.length).toBe(n));
const waits = () => server.told.map((t) => t.body.waiting.photos);
const teller = () => {
  const t = new Teller();
  return async (still = false) => (t.tell('me', still, sending.signal), t.done());
};

it('tells of the phone when the app opens, also with nothing to send, by the id that goes with items', async () => {
  open();
  await told(1);
  expect(server.told[0]).toMatchObject({ path: '/devices/this-phone', body: { name: 'Pixel 8', platform: 'Android 14', paused: false, quota: 1000, used: 10, waiting: { photos: 0, actions: 0, bytes: 0, since: null } } });
});

it('tells what waits while it is sent, and at once when nothing does any more', async () => {
  await db.items.put({ uuid: uuid(), owner: 'somebody else', state: 'kept', order_id: order, size: 1, sent: 0, created_at: 1 } as never);
  const before = Date.now();
  await photo();
  open();
  await told(2);
  expect(waits()).toEqual([1, 0]);
  expect(server.told[0]?.body.waiting).toMatchObject({ bytes: 3000, actions: 0 });
  expect(Math.abs(Date.parse(String(server.told[0]?.body.waiting.since)) - before)).toBeLessThan(5000);
});

it('tells what still waits at most once a minute, and the same once an hour', async () => {
  const tell = teller();
  await tell();
  for (let i = 0; i < 3; i++) await photo();
  await act('note', order, { text: 'The gate was locked.' });
  await act('view', order);
  await tell();
  expect(waits()).toEqual([0]);
  clock += 60_000;
  await tell();
  expect(server.told[1]?.body.waiting).toMatchObject({ photos: 3, actions: 1, bytes: 9000 });
  clock += 60_000;
  await tell();
  await tell(true);
  expect(server.told.length).toBe(2);
  clock += 3_600_000;
  await tell();
  expect(server.told.length).toBe(3);
});

it('is told of by the service worker when it has sent all, however soon', async () => {
  await photo();
  await work(sending.signal, true);
  expect(waits().at(-1)).toBe(0);
});

it('says at once that its person lets it rest', async () => {
  open();
  await told(1);
  await pause();
  await told(2);
  expect(server.told[1]?.body.paused).toBe(true);
});

for (const [what, fate] of Object.entries({ 'knows no phones': { status: 404 }, 'is overloaded': { status: 503 }, 'does not answer': { cut: 0 } })) {
  it(`sends all the same to a server that ${what}`, async () => {
    server.fate = (method) => (method === 'PUT' ? fate : undefined);
    const id = await photo();
    open();
    await vi.waitFor(async () => expect((await db.items.get(id))?.state).toBe('safe'));
    expect(server.told.length).toBeGreaterThan(0);
  });

  it(`tells a server that ${what} no more of the same within the minute`, async () => {
    server.fate = (method) => (method === 'PUT' ? fate : undefined);
    const tell = teller();
    for (let i = 0; i < 5; i++) await tell(true);
    expect(server.told.length).toBe(1);
    clock += 60_000;
    await tell(true);
    expect(server.told.length).toBe(fate.status === 404 ? 1 : 2);
  });
}

it('is called what its browser says', () => {
  const hints = { platform: 'Android', platformVersion: '15.0.0', model: 'SM-G991B' };
  expect(nameOf('Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36', hints)).toEqual({ name: 'SM-G991B', platform: 'Android 15' });
  expect(nameOf('Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36')).toEqual({ name: '', platform: 'Android 10' });
  expect(nameOf('Mozilla/5.0 (Android 14; Mobile; rv:131.0) Gecko/131.0 Firefox/131.0')).toEqual({ name: '', platform: 'Android 14' });
  expect(nameOf('Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15')).toEqual({ name: 'iPhone', platform: 'iOS 17' });
  expect(nameOf('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', { platform: 'Linux', model: '' })).toEqual({ name: '', platform: 'Linux' });
});
