// Resumable uploads (tus 1.0) over fetch: where an upload stands is the server's word, and is kept beside the item.
import type { Item } from '../lib/db';
import { Away } from '../lib/net';
import { ask, later, refusalOf, retryAfter, type Answer } from './http';
import type { Pieces } from './pieces';

export type Sent =
  | { kind: 'safe'; id: string }
  | { kind: 'refused'; code: string; detail: string }
  /** Not now: after so many ms, 0 where the answer named no time. */
  | { kind: 'later'; after: number };

/** What is written down of where an upload stands. */
export type Stand = { sent: number; upload_url?: string | undefined };

const version = { 'Tus-Resumable': '1.0.0' };
const beginning = '/uploads/';

/** How often a line may break without a byte more at the server before the item rests. */
const inVain = 3;

/**
 * Sends what is lacking of an item; `keep` writes down where it stands. Throws [Away] when the line carries nothing, and Ended
 * when the session is over.
 */
export async function upload(item: Item, data: ArrayBuffer, pieces: Pieces, device: string, keep: (stand: Stand) => Promise<void>, signal?: AbortSignal): Promise<Sent> {
  // A browser sends a piece again by itself, over the next connection that it has open; one that was used in part breaks in it once
  // more, and the same bytes go a third time. So no piece at risk comes over a connection that carried anything before.
  const tell = (method: string, path: string, a: Parameters<typeof ask>[3] = {}) =>
    ask(item.owner, method, path, { ...a, signal, apart: true, headers: { ...version, ...(pieces.risky ? { 'Upload-Connection': 'close' } : {}), ...a.headers } });
  let at = item.upload_url ?? '';
  let offset = item.sent;
  let sure = false; // whether the server said where it stands since we last knew
  let vain = 0;
  const begin = async (): Promise<Sent | null> => {
    const a = await tell('POST', beginning, { headers: { 'Upload-Length': String(data.byteLength), 'Upload-Metadata': metadata(item, device) } });
    if (arrived(a)) return { kind: 'safe', id: arrived(a) };
    const where = a.headers.get('Location');
    if (a.status >= 300) return no(a);
    if (!where) return { kind: 'later', after: 0 };
    at = pathOf(where);
    offset = Number(a.headers.get('Upload-Offset') ?? 0);
    sure = true;
    await keep({ upload_url: at, sent: offset });
    return null;
  };
  const look = async (): Promise<Sent | null> => {
    const a = await tell('HEAD', at);
    if (arrived(a)) return { kind: 'safe', id: arrived(a) };
    if (a.status === 404 || a.status === 410 || a.status === 403) {
      at = '';
      await keep({ upload_url: undefined, sent: 0 });
      return null;
    }
    if (a.status >= 300) return no(a);
    const stands = Number(a.headers.get('Upload-Offset'));
    if (stands > offset) vain = 0;
    offset = stands;
    sure = true;
    await keep({ sent: offset });
    return null;
  };
  for (;;) {
    // What was begun goes on from where the server says that it stands.
    if (!at || !sure) {
      const end = at ? await look() : await begin();
      if (end) return end;
      continue;
    }
    // A whole upload without an item is finished, or told what is wrong with it, by an empty piece.
    const piece = data.slice(offset, offset + pieces.size);
    const began = performance.now();
    let a: Answer;
    try {
      a = await tell('PATCH', at, { patience: 60_000, body: piece, headers: { 'Upload-Offset': String(offset), 'Upload-Overlap': 'skip', 'Content-Type': 'application/offset+octet-stream' } });
    } catch (e) {
      if (!(e instanceof Away)) throw e;
      const before = offset;
      sure = false;
      const end = await look(); // it may be the answer alone that was lost
      pieces.broke(Math.max(0, offset - before));
      if (end) return end;
      if (offset === before && ++vain >= inVain) return { kind: 'later', after: 0 };
      continue;
    }
    if (arrived(a)) {
      pieces.went(piece.byteLength, performance.now() - began);
      return { kind: 'safe', id: arrived(a) };
    }
    if (a.status < 300) {
      // The line broke in it, and the browser sent it again by itself: shorter ones go through.
      if (a.headers.has('Upload-Overlap')) pieces.broke(piece.byteLength / 2);
      else pieces.went(piece.byteLength, performance.now() - began);
      vain = 0;
      offset = Number(a.headers.get('Upload-Offset') ?? offset + piece.byteLength);
      await keep({ sent: offset });
      if (piece.byteLength === 0) return { kind: 'later', after: 2000 };
    } else if (a.status === 409 && a.headers.has('Upload-Offset')) {
      // Somebody else sent meanwhile; or the browser itself sent again what a line that broke had carried in part, and the next
      // piece would meet the same.
      const stands = Number(a.headers.get('Upload-Offset'));
      pieces.broke(Math.max(0, stands - offset));
      vain = stands > offset ? 0 : vain + 1;
      if (vain > inVain) return { kind: 'later', after: 0 };
      offset = stands;
      await keep({ sent: offset });
    } else if (a.status === 404 || a.status === 410) {
      at = '';
      await keep({ upload_url: undefined, sent: 0 });
      if (++vain > inVain) return { kind: 'later', after: 0 };
    } else {
      return no(a);
    }
  }
}

function arrived(a: Answer): string {
  return (a.status < 300 && a.headers.get('Item-Id')) || '';
}

function no(a: Answer): Sent {
  return later(a.status) ? { kind: 'later', after: retryAfter(a) } : { kind: 'refused', ...refusalOf(a) };
}

/** The path below /api/v1 of an address that the server named, which a proxy may have given another host. */
function pathOf(where: string): string {
  const u = new URL(where, 'http://localhost/api/v1/uploads/');
  return u.pathname.replace(/^\/api\/v1/, '') + u.search;
}

/** What goes with the bytes, named as in the photo form. */
export function metadata(item: Item, device: string): string {
  const fields: Record<string, string | number | undefined | null> = {
    filename: item.uuid + (item.extension ?? '.jpg'), uuid: item.uuid, sha256: item.sha256, work_order_id: item.order_id, task_id: item.task_id,
    evidence_type: item.evidence_type, taken_at: new Date(item.taken_at).toISOString(), latitude: item.latitude, longitude: item.longitude, accuracy: item.accuracy,
    source: item.source, notes: item.notes, device, shot: item.shot, zone: item.zone, offset_ms: item.offset_ms,
    position_at: item.position_at === undefined ? undefined : Math.round(item.position_at),
  };
  return Object.entries(fields)
    .filter(([, v]) => v !== undefined && v !== null && v !== '')
    .map(([k, v]) => k + ' ' + base64(new TextEncoder().encode(String(v))))
    .join(',');
}

export function base64(bytes: Uint8Array): string {
  let s = '';
  for (const b of bytes) s += String.fromCharCode(b);
  return btoa(s);
}
