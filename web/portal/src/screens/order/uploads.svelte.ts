// Photos on their way from this desk: three at a time, each under a uuid made here, so that a repeat is no second photo.
import { uuid } from '$kit/uuid';
import { api, ok, type Problem } from '$lib/api';
import { line } from '$lib/line.svelte';

export type Upload = {
  uuid: string; file: File; order: string; task: string; evidence: string; notes: string;
  state: 'waiting' | 'sending' | 'sent' | 'failed'; part: number; why: string; photo: string; tries: number;
};

const atOnce = 3;

class Uploads {
  all = $state<Upload[]>([]);
  #ends = new Set<() => void>();

  of(order: string): Upload[] {
    return this.all.filter((u) => u.order === order);
  }

  add(order: string, files: File[], task: string, evidence: string): void {
    for (const file of files) this.#take({ uuid: uuid(), file, order, task, evidence, notes: '' });
    this.#next();
  }

  /** Sends a photo that something names by its uuid already. */
  send(photo: Pick<Upload, 'uuid' | 'file' | 'order' | 'task' | 'evidence' | 'notes'>): void {
    this.#take(photo);
    this.#next();
  }

  #take(photo: Pick<Upload, 'uuid' | 'file' | 'order' | 'task' | 'evidence' | 'notes'>): void {
    this.all.push({ ...photo, state: 'waiting', part: 0, why: '', photo: '', tries: 0 });
    line.waiting++;
  }

  /** Waits until those are here; throws why one of them is refused. */
  async settled(which: (u: Upload) => boolean): Promise<void> {
    for (;;) {
      const mine = this.all.filter(which);
      const refused = mine.find((u) => u.state === 'failed');
      if (refused) throw new Error(refused.file.name + ': ' + refused.why);
      if (mine.every((u) => u.state === 'sent')) return;
      await new Promise<void>((then) => this.#ends.add(then));
    }
  }

  again(u: Upload): void {
    Object.assign(u, { state: 'waiting', why: '', part: 0, tries: 0 });
    line.waiting++;
    this.#next();
  }

  /** Takes what is over off the list. */
  clear(order: string): void {
    this.all = this.all.filter((u) => u.order !== order || u.state === 'waiting' || u.state === 'sending');
  }

  #next(): void {
    while (this.all.filter((u) => u.state === 'sending').length < atOnce) {
      const u = this.all.find((u) => u.state === 'waiting');
      if (!u) return;
      u.state = 'sending';
      void this.#send(u);
    }
  }

  async #send(u: Upload): Promise<void> {
    for (;;) {
      const { status, body, after } = await post(u, (part) => (u.part = part));
      if (status === 200 || status === 201) {
        Object.assign(u, { state: 'sent', part: 1, photo: (body as { id: string }).id });
        break;
      }
      // The server is away or asks for time: the same photo goes again, for as long as this tab lives.
      if (status === 0 || status === 429 || status === 502 || status === 503 || status === 504) {
        if (status !== 429) line.lost();
        await new Promise((r) => setTimeout(r, after > 0 ? after * 1000 : Math.min(15_000, 1000 * 2 ** u.tries++)));
        continue;
      }
      if (status === 401) void ok(api.GET('/sessions/current')).catch(() => {}); // tells whoever shows the sign-in
      const p = body as Problem | null;
      Object.assign(u, { state: 'failed', why: p?.errors?.[0]?.message || p?.detail || p?.title || String(status) });
      break;
    }
    line.heard();
    line.waiting--;
    for (const then of this.#ends) then();
    this.#ends.clear();
    this.#next();
  }
}

/** One try. fetch tells nothing of how far an upload is: XMLHttpRequest does. */
function post(u: Upload, tell: (part: number) => void): Promise<{ status: number; body: unknown; after: number }> {
  return new Promise((resolve) => {
    const form = new FormData();
    form.append('uuid', u.uuid);
    if (u.task) form.append('task_id', u.task);
    if (u.evidence) form.append('evidence_type', u.evidence);
    if (u.notes) form.append('notes', u.notes);
    form.append('source', 'web_upload');
    form.append('file', u.file, u.file.name);
    const x = new XMLHttpRequest();
    x.open('POST', '/api/v1/work-orders/' + encodeURIComponent(u.order) + '/photos');
    x.upload.onprogress = (e) => e.lengthComputable && tell(e.loaded / e.total);
    x.onload = () => {
      let body: unknown = null;
      try {
        body = JSON.parse(x.responseText);
      } catch {
        // a proxy's page
      }
      resolve({ status: x.status, body, after: Number(x.getResponseHeader('Retry-After')) });
    };
    x.onerror = x.ontimeout = x.onabort = () => resolve({ status: 0, body: null, after: 0 });
    x.send(form);
  });
}

export const uploads = new Uploads();
