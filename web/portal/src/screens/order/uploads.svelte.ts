// Photos on their way from this desk: three at a time, each under a uuid made here, so that a repeat is no second photo.
import { uuid } from '$kit/uuid';
import { line } from '$lib/line.svelte';
import { send, whyOf } from '$lib/send';

export type Upload = {
  uuid: string; file: File; order: string; task: string; evidence: string; notes: string;
  state: 'waiting' | 'sending' | 'sent' | 'failed'; part: number; why: string; photo: string;
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
    this.all.push({ ...photo, state: 'waiting', part: 0, why: '', photo: '' });
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
    Object.assign(u, { state: 'waiting', why: '', part: 0 });
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
    const form = new FormData();
    form.append('uuid', u.uuid);
    if (u.task) form.append('task_id', u.task);
    if (u.evidence) form.append('evidence_type', u.evidence);
    if (u.notes) form.append('notes', u.notes);
    form.append('source', 'web_upload');
    form.append('file', u.file, u.file.name);
    const answer = await send('/work-orders/' + encodeURIComponent(u.order) + '/photos', form, (part) => (u.part = part));
    if (answer.status === 200 || answer.status === 201) Object.assign(u, { state: 'sent', part: 1, photo: (answer.body as { id: string }).id });
    else Object.assign(u, { state: 'failed', why: whyOf(answer) });
    line.waiting--;
    for (const then of this.#ends) then();
    this.#ends.clear();
    this.#next();
  }
}

export const uploads = new Uploads();
