// Rescue files that were brought to this desk: what a phone could not send, as a ZIP. They go one after the other, wherever in
// the portal they were dropped, and what became of each photo is shown until the person has seen it.
import { m } from '$kit/words/messages';
import { api, ok, wordsOf, type Schemas } from './api';
import { line } from './line.svelte';
import { send, whyOf } from './send';
import { toast } from './toast';

export type Brought = {
  id: number;
  file: File;
  /** Where photos go whose own order is not known here; "" for nowhere. */
  order: string;
  state: 'waiting' | 'sending' | 'reading' | 'done' | 'failed';
  part: number;
  why: string;
  rescue: Schemas['Rescue'] | null;
};

export const isRescue = (file: File): boolean => /\.zip$/i.test(file.name) || /^application\/(x-)?zip(-compressed)?$/.test(file.type);

class Rescues {
  all = $state<Brought[]>([]);
  open = $state(false);
  /** How many files were dropped beside rescue files, and not taken. */
  left = $state(0);
  /** The number of the order that is looked at: the likeliest home of photos whose order is not known here. */
  here = $state('');
  #last = 0;
  #going = false;

  bring(files: File[]): void {
    const zips = files.filter(isRescue);
    this.left = files.length - zips.length;
    this.open = true;
    for (const file of zips) this.#add(file, '');
  }

  /** Brings a file once more, with the order to which photos go whose own is not known here. Nothing comes in twice. */
  again(b: Brought, order: string): void {
    this.all = this.all.filter((o) => o.id !== b.id);
    this.#add(b.file, order);
  }

  /** Takes what is over off the list. */
  clear(): void {
    this.left = 0;
    this.all = this.all.filter((b) => b.state !== 'done' && b.state !== 'failed');
  }

  #add(file: File, order: string): void {
    this.all.push({ id: ++this.#last, file, order, state: 'waiting', part: 0, why: '', rescue: null });
    line.waiting++;
    void this.#go();
  }

  async #go(): Promise<void> {
    if (this.#going) return;
    this.#going = true;
    for (let b; (b = this.all.find((o) => o.state === 'waiting')); ) {
      try {
        await this.#take(b);
      } catch (e) {
        Object.assign(b, { state: 'failed', why: wordsOf(e) });
      }
      line.waiting--;
      if (!this.open) toast.say(m.rescue_over({ file: b.file.name }), { label: m.rescue_see(), act: () => (this.open = true) });
    }
    this.#going = false;
  }

  async #take(b: Brought): Promise<void> {
    const form = new FormData();
    if (b.order) form.append('work_order_id', b.order);
    form.append('file', b.file, b.file.name);
    b.state = 'sending';
    const answer = await send('/rescues', form, (part) => (b.part = part));
    if (answer.status !== 202) throw new Error(whyOf(answer));
    b.state = 'reading';
    b.rescue = answer.body as Schemas['Rescue'];
    const { id } = b.rescue;
    for (let pause = 300; b.rescue.state !== 'done'; pause = Math.min(3000, pause * 1.5)) {
      await new Promise((r) => setTimeout(r, pause));
      b.rescue = await ok(api.GET('/rescues/{id}', { params: { path: { id } } }));
    }
    b.state = 'done';
  }
}

export const rescues = new Rescues();
