// A list of the settings, read a page at a time, and changed in place.
import { wordsOf } from '$lib/api';

type Page<T> = { items?: T[] | null; next_cursor?: string | null };

export class Rows<T> {
  /** undefined: not here yet. */
  all = $state<T[]>();
  failed = $state('');
  next = $state<string | null>(null);
  #asked = 0;
  #read: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(read: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#read = read;
    void this.load();
  }

  async load(): Promise<void> {
    await this.#take(undefined, []);
  }

  async more(): Promise<void> {
    await this.#take(this.next ?? undefined, this.all ?? []);
  }

  async #take(cursor: string | undefined, before: T[]): Promise<void> {
    const mine = ++this.#asked;
    this.failed = '';
    try {
      const page = await this.#read(cursor);
      if (mine !== this.#asked) return; // something else was asked for meanwhile
      this.all = [...before, ...(page.items ?? [])];
      this.next = page.next_cursor ?? null;
    } catch (e) {
      if (mine === this.#asked) this.failed = wordsOf(e);
    }
  }
}
