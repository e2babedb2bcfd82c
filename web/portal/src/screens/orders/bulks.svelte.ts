// What was asked for on many orders at once, and how far it is. It goes on when the list is left, and is shown again there.
import { count } from '$kit/format';
import { m } from '$kit/words/messages';
import { api, ok, wordsOf, type Schemas } from '$lib/api';
import { onEvent } from '$lib/stream';
import { toast } from '$lib/toast';
import { undo } from '$lib/undo.svelte';
import { allRows } from './list.svelte';

export type Bulk = Schemas['Bulk'];
export type Action = Schemas['BulkAction'];
export type Ask = Schemas['NewBulk'];

export const orders = (n: number): string => (n === 1 ? m.orders_one() : m.orders_many({ count: count(n) }));

const doing: Record<Action, (w: { what: string }) => string> = {
  assign: m.orders_doing_assign, unassign: m.orders_doing_unassign, complete: m.orders_doing_complete, approve: m.orders_doing_approve, unapprove: m.orders_doing_unapprove,
  reject: m.orders_doing_reject, publish: m.orders_doing_publish, cancel: m.orders_doing_cancel, reopen: m.orders_doing_reopen, close: m.orders_doing_close,
  update: m.orders_doing_update, invoiced: m.orders_doing_invoiced,
};
const done: Record<Action, (w: { what: string }) => string> = {
  assign: m.orders_done_assign, unassign: m.orders_done_unassign, complete: m.orders_done_complete, approve: m.orders_done_approve, unapprove: m.orders_done_unapprove,
  reject: m.orders_done_reject, publish: m.orders_done_publish, cancel: m.orders_done_cancel, reopen: m.orders_done_reopen, close: m.orders_done_close,
  update: m.orders_done_update, invoiced: m.orders_done_invoiced,
};
export const doingWords = (b: Bulk): string => doing[b.action]({ what: orders(b.rows) });
export const doneWords = (b: Pick<Bulk, 'action'>, n: number): string => done[b.action]({ what: orders(n) });

/** What takes an action back, given the orders on which it was done: none where there is no way back. */
export type Inverse = (ids: string[]) => Ask[];

class Bulks {
  all = $state<Bulk[]>([]);
  #wake = new Map<string, () => void>();

  constructor() {
    onEvent((e) => {
      if (e.type === 'bulk.changed' || e.type === 'reset') for (const [id, wake] of this.#wake) if (id === e.id || !e.id) wake();
    });
  }

  /** Asks for it, and shows how far it is. What was done can be taken back where there is an inverse. */
  async start(ask: Ask, inverse?: Inverse): Promise<void> {
    const b = await ok(api.POST('/bulk', { body: ask }));
    void this.#follow(b).then(
      async (end) => {
        if (end.refused === 0 && end.cancelled === 0) this.dismiss(end.id);
        if (end.done === 0) return void (end.refused === 0 && toast.say(m.orders_nothing_changed()));
        const label = doneWords(end, end.done);
        if (!inverse) return toast.done(label);
        const ids = (await allRows(end.id, 'done')).map((r) => r.work_order_id);
        const inverses = inverse(ids);
        undo.push({ label, undo: () => this.#all(inverses), redo: () => this.#all([{ action: ask.action, parameters: ask.parameters, ids, expected: ids.length }]) });
      },
      (e: unknown) => toast.failed(wordsOf(e)),
    );
  }

  async repeat(id: string): Promise<void> {
    const b = await ok(api.POST('/bulk/{id}/repeat', { params: { path: { id } } }));
    this.dismiss(id);
    void this.#follow(b).then((end) => void (end.refused === 0 && (this.dismiss(end.id), toast.done(doneWords(end, end.done)))), (e: unknown) => toast.failed(wordsOf(e)));
  }

  async stop(id: string): Promise<void> {
    this.#show(await ok(api.POST('/bulk/{id}/cancel', { params: { path: { id } } })));
  }

  dismiss(id: string): void {
    this.all = this.all.filter((b) => b.id !== id);
  }

  async #all(asks: Ask[]): Promise<void> {
    for (const ask of asks) {
      const end = await this.#follow(await ok(api.POST('/bulk', { body: ask })));
      if (end.refused > 0) throw new Error(m.orders_some_refused({ done: count(end.done), refused: count(end.refused) }));
      this.dismiss(end.id);
    }
  }

  #show(b: Bulk): void {
    this.all = this.all.some((o) => o.id === b.id) ? this.all.map((o) => (o.id === b.id ? b : o)) : [...this.all, b];
  }

  async #follow(b: Bulk): Promise<Bulk> {
    this.#show(b);
    while (!b.ended_at) {
      await new Promise<void>((resolve) => {
        this.#wake.set(b.id, resolve);
        setTimeout(resolve, 1000);
      });
      b = await ok(api.GET('/bulk/{id}', { params: { path: { id: b.id } } }));
      if (this.all.some((o) => o.id === b.id)) this.#show(b);
    }
    this.#wake.delete(b.id);
    return b;
  }
}

export const bulks = new Bulks();
