// Announcements: the particulars and hashes of all that waits, ahead of the bytes, many in one small request.
import type { Item } from '../lib/db';
import { ask, later, refusalOf, retryAfter, type Answer } from './http';
import { hangs } from './local';
import { itemsIn, noted } from './noted';
import { base64 } from './upload';

const atMost = 500;

type Cell = string | number | null;
type Result = { uuid: string; result: 'announced' | 'arrived' | 'refused'; id?: string; code?: string; message?: string };

const columns: Record<string, (i: Item) => Cell> = {
  uuid: (i) => i.uuid,
  work_order_id: (i) => i.order_id,
  task_id: (i) => i.task_id || null,
  evidence_type: (i) => i.evidence_type || null,
  taken_at: (i) => i.taken_at,
  sha256: (i) => url64(i.sha256),
  size: (i) => i.size,
  source: (i) => i.source,
  latitude: (i) => rounded(i.latitude, 6),
  longitude: (i) => rounded(i.longitude, 6),
  accuracy: (i) => rounded(i.accuracy, 0),
  offset_ms: (i) => i.offset_ms,
  shot: (i) => i.shot || null,
  notes: (i) => i.notes || null,
};

/** The body of an announcement: columns that hold nothing are left out. */
export function bodyOf(items: Item[], device: string): { device: string; columns: string[]; rows: Cell[][] } {
  const used = Object.entries(columns).filter(([, of]) => items.some((i) => of(i) !== null));
  return { device, columns: used.map(([name]) => name), rows: items.map((i) => used.map(([, of]) => of(i))) };
}

/** What of a person's is to be announced: what hangs on an order or a task that the server does not know waits for that. */
export async function unannounced(owner: string): Promise<Item[]> {
  return (await itemsIn(owner, 'kept')).filter((i) => !hangs(i));
}

/** Announces all that was not. Answers how long the server asks to wait, 0 when nothing waits any more. */
export async function announce(owner: string, device: string, signal?: AbortSignal): Promise<number> {
  const send = async (items: Item[]) => ask(owner, 'POST', '/announcements', { ...(await packed(bodyOf(items, device))), signal });
  for (;;) {
    const items = (await unannounced(owner)).slice(0, atMost);
    if (items.length === 0) return 0;
    const a = await send(items);
    if (later(a.status)) return retryAfter(a) || 5000;
    if (a.status < 300) {
      if (!(await note(items, resultsOf(a)))) return 60_000; // nothing more is told now
      continue;
    }
    // The call as a whole is refused: alone, each is told what is wrong with it, and holds back none of the others.
    for (const i of items) {
      const b = items.length === 1 ? a : await send([i]);
      if (later(b.status)) return retryAfter(b) || 5000;
      const { code, detail } = refusalOf(b);
      await note([i], b.status < 300 ? resultsOf(b) : [{ uuid: i.uuid, result: 'refused', code, message: detail }]);
    }
  }
}

function resultsOf(a: Answer): Result[] {
  return (a.body as { results?: Result[] } | null)?.results ?? [];
}

/** Writes down what became of each; what was changed meanwhile is announced again. Answers whether anything is told now that was not. */
async function note(asked: Item[], results: Result[]): Promise<boolean> {
  const of = new Map(results.map((r) => [plain(r.uuid), r]));
  const told = asked.flatMap((was) => {
    const r = of.get(plain(was.uuid));
    return r && r.code !== 'too_many_open' ? [{ was, r }] : []; // that waits until others have arrived
  });
  await noted.items.note(told.map(({ was, r }) => [was.uuid, { becomes: (now) => said(now, was, r) }]));
  return told.length > 0;
}

function said(now: Item, was: Item, r: Result): Item {
  if (now.state !== 'kept') return now;
  if (now.task_id !== was.task_id || now.evidence_type !== was.evidence_type || now.notes !== was.notes || now.order_id !== was.order_id) return now;
  const { refusal: _, ...sound } = now;
  if (r.result === 'announced') return { ...sound, state: now.upload_url ? 'sending' : 'announced', announced_at: now.announced_at ?? Date.now() };
  if (r.result === 'arrived') return { ...sound, state: 'safe', sent: now.size, confirmed_at: now.confirmed_at ?? Date.now(), ...(r.id ? { server_id: r.id } : {}) };
  const [, field = ''] = /^(\w+): /.exec(r.message ?? '') ?? [];
  return { ...now, state: 'refused', refusal: { code: (field && field + '/') + (r.code || 'refused'), detail: r.message ?? '' } };
}

/** Small on the line where the browser can: ids repeat in every row. */
export async function packed(value: unknown): Promise<{ body: BodyInit; headers: Record<string, string> }> {
  const text = JSON.stringify(value);
  const json = { 'Content-Type': 'application/json' };
  if (text.length < 1000 || typeof CompressionStream === 'undefined') return { body: text, headers: json };
  const zipped = await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer();
  return { body: zipped, headers: { ...json, 'Content-Encoding': 'gzip' } };
}

/** A uuid as it is compared. */
export function plain(uuid: string): string {
  return uuid.toLowerCase().replace(/[-{}]/g, '');
}

function rounded(n: number | undefined, digits: number): number | null {
  return n === undefined ? null : Number(n.toFixed(digits));
}

/** A hash in hex as base64url, which is a third shorter. */
export function url64(hex: string): string {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (h) => parseInt(h, 16));
  return base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
