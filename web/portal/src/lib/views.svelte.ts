// Saved views and the counts that the rail shows. They come after the screen's rows, never before.
import { api, ok, type Schemas } from './api';
import { session } from './session.svelte';
import { onEvent } from './stream';

export type View = Schemas['Saved'];

class Views {
  all = $state<View[]>([]);
  counts = $state<Record<string, number>>({});
  total = $state<number>();
  toReview = $state<number>();
  #timer = 0;

  constructor() {
    $effect.root(() => {
      $effect(() => {
        if (session.user) setTimeout(() => void this.load(), 300);
      });
    });
    onEvent((e) => {
      if (!e.type.startsWith('work_order.') && e.type !== 'reset') return;
      // Not put off by what comes meanwhile: a stream that never rests would never be counted.
      this.#timer ||= window.setTimeout(() => ((this.#timer = 0), void this.count().catch(() => {})), 2000);
    });
  }

  get mine(): View[] {
    return this.all.filter((v) => !v.shared);
  }

  get shared(): View[] {
    return this.all.filter((v) => v.shared);
  }

  async load(): Promise<void> {
    this.all = (await ok(api.GET('/views'))).items ?? [];
    await this.count();
  }

  async count(): Promise<void> {
    const total = async (query: Record<string, string>) => (await ok(api.GET('/work-orders/counts', { params: { query: query as never } }))).total;
    this.total = await total({});
    if (session.can('review_orders')) this.toReview = await total({ state: 'completed' });
    for (const v of this.all) {
      const { sort: _, ...filters } = Object.fromEntries(new URLSearchParams(v.query));
      this.counts[v.id] = await total(filters);
    }
  }
}

export const views = new Views();
