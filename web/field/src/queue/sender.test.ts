import 'fake-indexeddb/auto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sha256 } from '../camera/hash';
import { db } from '../lib/db';
import { uuid } from '../lib/uuid';
import { act, again, announceAll, keep, rescue } from '.';
import { announce, bodyOf, packed } from './announce';
import { drain, standDown, work } from './sender';
import { shared } from './rescue';
import { FakeServer } from './server.fake';

vi.stubGlobal('navigator', { onLine: true });
const order = 'ORDER00000000000000000000A', task = 'TASK0000000000000000000000';
let server: FakeServer;

async function signIn(id = 'me', token = 'token'): Promise<void> {
  await db.set('session', { token, user: { id, username: id }, account: { id: 'a' }, host: '', expires_at: null } as never);
  await db.set('ended', false);
}

beforeEach(async () => {
  server = new FakeServer();
  vi.stubGlobal('fetch', server.fetch);
  await Promise.all(db.tables.map((t) => t.clear()));
  await signIn();
});
afterEach(() => vi.restoreAllMocks());

let seed = 1;
async function photo(size = 3000, part: Record<string, unknown> = {}): Promise<string> {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = (seed = (seed * 1103515245 + 12345) & 0x7fffffff) & 255;
  const id = uuid();
  await keep({
    uuid: id, order_id: order, task_id: task, evidence_type: 'after', taken_at: Date.now(), position_state: 'none', source: 'mobile_camera', notes: '',
    sha256: await sha256(bytes.buffer), size, width: 10, height: 10, ...part,
  }, bytes.buffer);
  return id;
}

/** Works until nothing can be done any more, as a sync event does. */
const send = () => work(new AbortController().signal, true);
const stateOf = async (id: string) => (await db.items.get(id))?.state;

describe('the queue', () => {
  it('announces first, then acts, then sends bytes, oldest first, each once', async () => {
    const ids = [await photo(), await photo(), await photo()];
    await act('complete', order);
    await send();
    const what = server.requests.map((r) => r.replace(/SERVER\d+|[0-9a-f]{8}-[0-9a-f-]+/g, '*'));
    expect(what[0]).toBe('POST /announcements');
    expect(what[1]).toBe(`POST /work-orders/${order}/complete`);
    expect(what.slice(2).every((w) => w.includes('/uploads/'))).toBe(true);
    for (const id of ids) {
      expect(await stateOf(id)).toBe('safe');
      expect(server.items.get(id)?.times).toBe(1);
      expect(server.items.get(id)?.sha256).toBe((await db.items.get(id))?.sha256);
    }
    const begun = server.requests.filter((r) => r === 'POST /uploads/').length;
    expect(begun).toBe(3);
    const patched = server.requests.filter((r) => r.startsWith('PATCH')).map((r) => r.split('/').at(-1));
    expect(patched[0]).toBe(ids[0]);
  });

  it('goes on where the server stands when the line breaks in a piece, or an answer is lost', async () => {
    const id = await photo(900_000);
    let n = 0;
    server.fate = (method) => (method === 'PATCH' && n++ % 3 === 0 ? { cut: 10_000 } : method === 'PATCH' && n % 5 === 0 ? { mute: true } : undefined);
    await send();
    expect(await stateOf(id)).toBe('safe');
    expect(server.items.get(id)?.times).toBe(1);
    expect(server.uploadBytes).toBe(900_000);
  });

  it('knows of a photo whose last answer was lost that it has arrived', async () => {
    const id = await photo();
    server.fate = (method) => (method === 'PATCH' ? { mute: true } : undefined);
    await send();
    expect(await stateOf(id)).toBe('safe');
    expect(server.items.get(id)?.times).toBe(1);
  });

  it('begins again where the server forgot an upload', async () => {
    const id = await photo(200_000);
    let forgot = false;
    server.fate = (method, path) => {
      if (method === 'PATCH' && !forgot && (server.uploads.get(path)?.bytes.length ?? 0) > 0) {
        forgot = true;
        server.uploads.delete(path);
      }
      return undefined;
    };
    await send();
    expect(forgot).toBe(true);
    expect(await stateOf(id)).toBe('safe');
  });

  it('doubles nothing with two senders at once', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => photo(150_000)));
    await Promise.all([send(), send()]);
    await send();
    for (const id of ids) expect(server.items.get(id)?.times).toBe(1);
    for (const id of ids) expect(await stateOf(id)).toBe('safe');
  });

  it('keeps everything when the session ended, and goes on under the same name alone', async () => {
    const mine = await photo();
    server.token = 'another';
    await send();
    expect(await db.get('ended')).toBe(true);
    expect(await stateOf(mine)).toBe('kept');
    await signIn('somebody else', 'another');
    await send();
    expect(server.items.size).toBe(0);
    await signIn('me', 'another');
    await send();
    expect(await stateOf(mine)).toBe('safe');
  });

  it('is held up by nothing that is refused', async () => {
    const strange = await photo(3000, { order_id: 'STRANGE' }), good = await photo();
    server.strange.add('STRANGE');
    await send();
    expect(await stateOf(strange)).toBe('refused');
    expect((await db.items.get(strange))?.refusal?.code).toBe('work_order_id/no_such');
    expect(await stateOf(good)).toBe('safe');
    expect(await db.bytes.get(strange)).toBeDefined();
    server.strange.clear();
    await again(strange);
    await send();
    expect(await stateOf(strange)).toBe('safe');
  });

  it('sends a photo whose number the server has for another under a new one', async () => {
    const id = await photo();
    server.fate = (method, path) => (method === 'POST' && path === '/uploads/' && !server.requests.includes('done') ? { status: 409, body: { status: 409, code: 'other_bytes', detail: 'another' } } : undefined);
    await send();
    expect(await stateOf(id)).toBe('refused');
    server.fate = () => undefined;
    await again(id);
    await send();
    const now = (await db.items.toArray())[0];
    expect(now?.uuid).not.toBe(id);
    expect(now?.state).toBe('safe');
    expect(server.items.get(now?.uuid ?? '')?.sha256).toBe(now?.sha256);
  });

  it('has what hangs on an order made here wait for that order alone, and gives it the id of the server', async () => {
    const local = uuid(), localTask = uuid();
    await db.orders.put({ id: local, owner: 'me', local: true, tasks: [{ id: localTask, name: 'Fence' }], work_order_number: 'new', client_code: '', state: 'created' } as never);
    const other = await photo(), hanging = await photo(3000, { order_id: local, task_id: localTask });
    server.fate = (_, path) => (path === '/work-orders' ? { status: 503 } : undefined);
    await act('create_order', local, { work_order_number: 'new', tasks: [{ name: 'Fence' }] });
    await act('complete', local);
    await send();
    expect(await stateOf(other)).toBe('safe');
    expect(await stateOf(hanging)).toBe('kept');
    server.fate = () => undefined;
    await db.actions.toCollection().modify({ next_try: 0 });
    await send();
    const made = [...server.orders.values()][0];
    expect(await stateOf(hanging)).toBe('safe');
    expect((await db.items.get(hanging))?.order_id).toBe(made?.id);
    expect((await db.items.get(hanging))?.task_id).toBe(made?.tasks[0]?.id);
    expect(await db.meta.get('alias/' + local)).toEqual({ key: 'alias/' + local, value: made?.id });
    expect(await db.orders.get(local)).toBeUndefined();
    const told = server.requests.indexOf(`POST /work-orders/${made?.id}/complete`);
    expect(told).toBeGreaterThan(server.requests.lastIndexOf('POST /work-orders'));
    expect(server.announced.get(hanging)?.work_order_id).toBe(made?.id);
    expect(server.requests.slice(0, told).filter((r) => r === 'POST /announcements').length).toBeGreaterThan(1);
  });

  it('tells words that came late once the photo is there, and takes away what was deleted', async () => {
    const [captioned, gone] = [await photo(), await photo()];
    const over = new AbortController();
    let tries = 0;
    server.fate = (method) => {
      if (method !== 'PATCH') return undefined;
      if (++tries === 3) over.abort();
      return { cut: 0 };
    };
    await work(over.signal, true);
    await act('caption', order, { uuid: captioned, notes: 'Gate closed' });
    await act('delete', order, { uuid: gone });
    server.fate = () => undefined;
    await db.items.toCollection().modify({ next_try: 0 });
    await send();
    expect(server.requests).toContain('PATCH /photos/' + server.items.get(captioned)?.id);
    expect(server.requests).toContain('DELETE /announcements/' + gone);
    expect(server.items.has(gone)).toBe(false);
    expect(await db.bytes.get(gone)).toBeUndefined();
  });

  it('lets the next version take over from a sync event in the middle of a piece, and loses nothing', async () => {
    const id = await photo(200_000);
    let sending = () => {};
    const began = new Promise<void>((resolve) => (sending = resolve));
    vi.stubGlobal('fetch', (to: string, init: RequestInit = {}) => {
      if (init.method !== 'PATCH') return server.fetch(to, init);
      sending();
      return new Promise((_, no) => {
        const end = () => no(new DOMException('ended', 'AbortError'));
        if (init.signal?.aborted) end();
        init.signal?.addEventListener('abort', end);
      });
    });
    const event = drain();
    await began;
    standDown();
    await event;
    expect(await stateOf(id)).toBe('sending');
    vi.stubGlobal('fetch', server.fetch);
    await send();
    expect(await stateOf(id)).toBe('safe');
    expect(server.items.get(id)?.times).toBe(1);
  });

  it('deletes at the server what had arrived there when it was deleted here, though nobody had heard of it', async () => {
    const [id, left] = [await photo(), await photo()];
    server.fate = (method) => (server.items.size > 0 && (method === 'HEAD' || method === 'POST') ? { cut: 0 } : method === 'PATCH' ? { mute: true } : undefined);
    const over = new AbortController();
    const trying = work(over.signal, true);
    await vi.waitFor(() => expect(server.items.has(id)).toBe(true));
    over.abort();
    await trying;
    expect(await stateOf(id)).toBe('sending');
    await act('delete', order, { uuid: id });
    server.fate = () => undefined;
    await db.items.toCollection().modify({ next_try: 0 });
    await send();
    expect(server.items.has(id)).toBe(false);
    expect(server.items.get(left)?.times).toBe(1);
    expect((await db.actions.toArray()).map((a) => a.state)).toEqual(['done']);
  });

  it('keeps actions in their order, and those of other orders going', async () => {
    server.fate = (_, path) => (path.includes('/ONE/view') ? { status: 503 } : undefined);
    await act('view', 'ONE');
    await act('complete', 'ONE');
    await act('complete', 'TWO');
    await send();
    expect(server.requests).toContain('POST /work-orders/TWO/complete');
    expect(server.requests).not.toContain('POST /work-orders/ONE/complete');
    server.fate = (_, path) => (path.includes('/ONE/view') ? { status: 409, body: { status: 409, code: 'illegal', detail: 'cancelled' } } : undefined);
    await db.actions.toCollection().modify({ next_try: 0 });
    await send();
    expect((await db.actions.orderBy('seq').toArray()).map((a) => a.state)).toEqual(['conflict', 'done', 'done']);
  });

  it('sends again what a restored server has lost', async () => {
    const [kept, lost] = [await photo(), await photo()];
    await send();
    server.items.delete(lost);
    server.uploads.clear();
    server.announced.clear();
    await announceAll();
    await send();
    expect(await stateOf(kept)).toBe('safe');
    expect(await stateOf(lost)).toBe('safe');
    expect(server.items.get(lost)?.times).toBe(1);
    expect(server.announced.has(kept)).toBe(false);
  });

  it('sends from a phone on which nothing can be written any more, and writes it down once there is room', async () => {
    const ids = [await photo(150_000), await photo(), await photo()];
    await act('view', order);
    await act('complete', order);
    await db.set('device', 'phone');
    const full = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('no room', 'QuotaExceededError');
    });
    await send();
    for (const id of ids) expect(server.items.get(id)?.times).toBe(1);
    expect(server.requests.filter((r) => r.startsWith(`POST /work-orders/${order}/`)).length).toBe(2);
    for (const id of ids) expect(await stateOf(id)).toBe('kept');
    expect(full).toHaveBeenCalled();
    full.mockRestore();
    const before = server.requests.length;
    await send();
    expect(server.requests.length).toBe(before);
    for (const id of ids) expect(await stateOf(id)).toBe('safe');
    expect((await db.actions.toArray()).map((a) => a.state)).toEqual(['done', 'done']);
  });

  it('lets go of what is safe when there is no room, and says so when there is none even then', async () => {
    const safe = await photo();
    await send();
    const full = () => {
      const put = db.bytes.put.bind(db.bytes);
      return vi.spyOn(db.bytes, 'put').mockImplementation(((row: never) => {
        if (room > 0) {
          room--;
          return put(row);
        }
        room++;
        return Promise.reject(new DOMException('no room', 'QuotaExceededError'));
      }) as never);
    };
    let room = 0;
    full();
    const taken = await photo();
    expect(await stateOf(taken)).toBe('kept');
    expect(await db.bytes.get(safe)).toBeUndefined();
    room = -10;
    await expect(photo()).rejects.toMatchObject({ name: 'Full' });
  });
});

it('announces 300 photos in less than 60 kB as sent', async () => {
  for (let i = 0; i < 300; i++)
    await db.items.put({
      uuid: uuid(), owner: 'me', kind: 'photo', order_id: 'A' + uuid().replaceAll('-', '').slice(0, 25), task_id: 'T' + uuid().replaceAll('-', '').slice(0, 25), evidence_type: 'before',
      taken_at: Date.now() + i * 1234, zone: 'America/Chicago', offset_ms: 12 + i, latitude: 30.508412 + i / 1e4, longitude: -97.679031 - i / 1e4, accuracy: 6 + (i % 30), position_state: 'good',
      source: 'mobile_camera', notes: '', sha256: await sha256(new TextEncoder().encode(String(i)).buffer), size: 1_000_000 + i * 777, width: 2048, height: 1536, state: 'kept', sent: 0, tries: 0, created_at: i,
    });
  const items = await db.items.toArray();
  const body = bodyOf(items, uuid());
  expect(body.columns).not.toContain('notes');
  const sent = await new Response((await packed(body)).body).arrayBuffer();
  console.info('300 announcements:', sent.byteLength, 'bytes as sent,', JSON.stringify(body).length, 'as columns');
  expect(sent.byteLength).toBeLessThan(60_000);
  await announce('me', 'phone');
  expect(server.announced.size).toBe(300);
});

it('shares what is unsent out over rescue files of at most 40 MB', async () => {
  const files = shared(Array.from({ length: 100 }, () => ({ size: 1_000_000 })));
  expect(files.flat().length).toBe(100);
  for (const f of files) expect(f.reduce((n, i) => n + i.size, 0)).toBeLessThan(40_000_000);
  expect(shared([{ size: 50_000_000 }]).length).toBe(1);
  const id = await photo(5000);
  await act('complete', order);
  const out = await rescue();
  expect(out.parts).toBe(1);
  const zip = new Uint8Array(await (await out.file(1)).arrayBuffer());
  const text = new TextDecoder('latin1').decode(zip);
  expect(text).toContain('photos/' + id + '.jpg');
  const manifest = JSON.parse(text.slice(text.indexOf('{\n'), text.indexOf('\n}') + 2)) as { items: { sha256: string; path: string }[]; actions: { kind: string }[] };
  expect(manifest.items[0]?.sha256).toBe((await db.items.get(id))?.sha256);
  expect(manifest.actions[0]?.kind).toBe('complete');
});
