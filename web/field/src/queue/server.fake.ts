// A server as the queue sees it, for tests: announcements, resumable uploads, orders; and a line that breaks as told.
import { createHash } from 'node:crypto';

type Upload = { uuid: string; sha256: string; length: number; bytes: Uint8Array; item?: string };
type Row = Record<string, unknown>;

export class FakeServer {
  requests: string[] = [];
  /** What phones told of themselves, which is told beside all else. */
  told: { path: string; body: Row & { waiting: Row } }[] = [];
  announced = new Map<string, Row>();
  items = new Map<string, { id: string; sha256: string; bytes: Uint8Array; times: number }>();
  uploads = new Map<string, Upload>();
  orders = new Map<string, { id: string; tasks: { id: string; name: string }[] }>();
  announcementBytes = 0;
  uploadBytes = 0;
  token = 'token';
  /** What happens to a request: nothing, no answer (`cut` bytes of a piece arrive), its answer is lost, or another status. */
  fate: (method: string, path: string) => { cut?: number; mute?: boolean; status?: number; body?: unknown } | undefined = () => undefined;
  /** Orders that are refused. */
  strange = new Set<string>();
  #next = 1;

  id(): string {
    return 'SERVER' + String(this.#next++).padStart(20, '0');
  }

  fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    await new Promise((r) => setTimeout(r, 0));
    const path = String(input).replace(/^.*\/api\/v1/, '');
    const method = init.method ?? 'GET';
    const headers = new Headers(init.headers);
    const ofPhone = method === 'PUT' && path.startsWith('/devices/');
    if (!ofPhone) this.requests.push(method + ' ' + path);
    const fate = this.fate(method, path);
    const bytes = init.body === undefined || init.body === null ? new Uint8Array() : new Uint8Array(await new Response(init.body).arrayBuffer());
    if (ofPhone) this.told.push({ path, body: JSON.parse(new TextDecoder().decode(bytes)) });
    if (fate?.status) return this.#json(fate.status, fate.body ?? { title: 'no', status: fate.status, detail: 'told to' });
    if (fate?.cut !== undefined) {
      if (method === 'PATCH') this.#take(path, headers, bytes.subarray(0, fate.cut));
      throw new TypeError('the line broke');
    }
    if (headers.get('Authorization') !== 'Bearer ' + this.token) return this.#json(401, { title: 'Unauthorized', status: 401 });
    const answer = await this.#serve(method, path, headers, bytes);
    if (fate?.mute) throw new TypeError('the answer was lost');
    return answer;
  };

  #json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
    return new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', Date: new Date().toUTCString(), ...headers } });
  }

  #take(path: string, headers: Headers, bytes: Uint8Array): Upload | null {
    const u = this.uploads.get(path);
    if (!u || Number(headers.get('Upload-Offset')) !== u.bytes.length) return null;
    this.uploadBytes += bytes.length;
    const whole = new Uint8Array(u.bytes.length + bytes.length);
    whole.set(u.bytes);
    whole.set(bytes, u.bytes.length);
    u.bytes = whole;
    return u;
  }

  async #serve(method: string, path: string, headers: Headers, bytes: Uint8Array): Promise<Response> {
    if (path === '/announcements') {
      this.announcementBytes += bytes.length;
      const text = headers.get('Content-Encoding') === 'gzip' ? await new Response(new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream('gzip'))).text() : new TextDecoder().decode(bytes);
      const body = JSON.parse(text) as { columns: string[]; rows: unknown[][] };
      const results = body.rows.map((r) => {
        const row = Object.fromEntries(body.columns.map((c, i) => [c, r[i]])) as Row & { uuid: string; work_order_id: string };
        if (this.strange.has(row.work_order_id)) return { uuid: row.uuid, result: 'refused', code: 'no_such', message: 'work_order_id: There is no such order.' };
        const there = this.items.get(row.uuid);
        if (there) return { uuid: row.uuid, result: 'arrived', id: there.id };
        this.announced.set(row.uuid, row);
        return { uuid: row.uuid, result: 'announced' };
      });
      return this.#json(200, { results });
    }
    if (path === '/uploads/' && method === 'POST') {
      const meta = Object.fromEntries((headers.get('Upload-Metadata') ?? '').split(',').map((p) => [p.split(' ')[0], Buffer.from(p.split(' ')[1] ?? '', 'base64').toString()]));
      const there = this.items.get(meta.uuid ?? '');
      if (there) return this.#json(201, null, { Location: '/api/v1/uploads/' + meta.uuid, 'Upload-Offset': headers.get('Upload-Length') ?? '0', 'Item-Id': there.id });
      const at = '/uploads/' + meta.uuid;
      if (!this.uploads.has(at)) this.uploads.set(at, { uuid: meta.uuid ?? '', sha256: meta.sha256 ?? '', length: Number(headers.get('Upload-Length')), bytes: new Uint8Array() });
      return this.#json(201, null, { Location: 'https://elsewhere.example/api/v1' + at, 'Upload-Offset': String(this.uploads.get(at)?.bytes.length) });
    }
    if (path.startsWith('/uploads/')) {
      const u = this.uploads.get(path);
      if (!u) return this.#json(404, { title: 'Not found', status: 404 });
      if (method === 'PATCH') {
        if (!this.#take(path, headers, bytes)) return this.#json(409, { title: 'Conflict', status: 409, code: 'elsewhere' }, { 'Upload-Offset': String(u.bytes.length) });
        if (u.bytes.length === u.length && !u.item) {
          if (createHash('sha256').update(u.bytes).digest('hex') !== u.sha256) {
            this.uploads.delete(path);
            return this.#json(422, { title: 'Unprocessable', status: 422, code: 'invalid', errors: [{ field: 'sha256', code: 'damaged', message: 'It differs.' }] });
          }
          u.item = this.id();
          const had = this.items.get(u.uuid);
          this.items.set(u.uuid, { id: u.item, sha256: u.sha256, bytes: u.bytes, times: (had?.times ?? 0) + 1 });
        }
      }
      return new Response(null, { status: method === 'HEAD' ? 200 : 204, headers: { 'Upload-Offset': String(u.bytes.length), ...(u.item ? { 'Item-Id': u.item } : {}) } });
    }
    if (path.startsWith('/announcements/') && method === 'DELETE') {
      const uuid = path.slice('/announcements/'.length);
      return this.items.has(uuid) ? this.#json(409, { title: 'Conflict', status: 409, code: 'already', detail: 'It has arrived.' }) : this.#json(this.announced.delete(uuid) ? 204 : 404, null);
    }
    if (path.startsWith('/photos/') && method === 'DELETE') {
      const [uuid] = [...this.items].find(([, i]) => path.endsWith(i.id)) ?? [];
      return this.#json(uuid && this.items.delete(uuid) ? 204 : 404, null);
    }
    if (path.startsWith('/photos?uuid=')) {
      const uuid = path.slice('/photos?uuid='.length), there = this.items.get(uuid);
      return this.#json(200, { items: there ? [{ uuid, id: there.id, sha256: there.sha256 }] : [] });
    }
    if (path === '/work-orders' && method === 'POST') {
      const body = JSON.parse(new TextDecoder().decode(bytes)) as { tasks: { name: string }[] };
      const order = { ...body, id: this.id(), tasks: body.tasks.map((t) => ({ ...t, id: this.id() })) };
      this.orders.set(order.id, order);
      return this.#json(201, order);
    }
    return this.#json(200, {});
  }
}
