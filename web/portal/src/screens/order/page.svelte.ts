// One order as the screen shows it: each part is read for itself, and again when something happens to the order.
import { api, ok, Refusal, wordsOf, type Schemas } from '$lib/api';
import { session } from '$lib/session.svelte';
import { onEvent } from '$lib/stream';

export type Order = Schemas['WorkOrder'];
export type Patch = Schemas['WorkOrderPatch'];
export type Part = 'photos' | 'history' | 'changes' | 'publications' | 'messages' | 'checkIns' | 'responses' | 'surveys' | 'links' | 'notes' | 'announcements';
export type Transition = 'approve' | 'cancel' | 'close' | 'complete' | 'reopen' | 'unapprove' | 'unassign';

/** Meanwhile is thrown when somebody else changed a field that one was editing: who sees both chooses. */
export class Meanwhile extends Error {
  constructor(
    readonly theirs: Order,
    readonly who: string,
  ) {
    super(who);
  }
}

type Paged<T> = { items: T[] | null; next_cursor: string | null };

/** All of a list that is short by its nature; at most so many pages. */
async function whole<T>(page: (cursor: string | undefined) => Promise<Paged<T>>, pages = 10): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < pages; n++) {
    const part = await page(cursor);
    items.push(...(part.items ?? []));
    if (!part.next_cursor) break;
    cursor = part.next_cursor;
  }
  return items;
}

export class OrderPage {
  order = $state.raw<Order | null>(null);
  /** Why there is nothing to show. */
  refused = $state.raw<Refusal | null>(null);
  photos = $state.raw<Schemas['PhotoIndex'] | null>(null);
  history = $state.raw<Schemas['Event'][]>([]);
  changes = $state.raw<Schemas['FieldChange'][]>([]);
  publications = $state.raw<Schemas['Publication'][]>([]);
  messages = $state.raw<Schemas['ClientMessage'][]>([]);
  checkIns = $state.raw<Schemas['CheckIn'][]>([]);
  responses = $state.raw<Schemas['SurveyResponse'][]>([]);
  surveys = $state.raw<Schemas['TaskSurvey'][]>([]);
  links = $state.raw<Schemas['Link'][]>([]);
  notes = $state.raw<Schemas['Comment'][]>([]);
  /** Photos that are on phones, or were lost with them. */
  announcements = $state.raw<Schemas['Announcement'][]>([]);
  failed = $state<Partial<Record<Part, string>>>({});
  read = $state(false);

  #stop = new AbortController();
  #timer = 0;
  #reading = false;
  #again = false;
  #deaf: () => void;

  constructor(readonly id: string) {
    this.#deaf = onEvent((e) => {
      if (e.type === 'reset' || e.work_order_id === id || e.id === id) this.soon();
    });
    void this.load();
  }

  /** Nobody looks any more. */
  end(): void {
    this.#deaf();
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  /** Reads again in a moment: a hundred photos that arrive together are read once. */
  soon(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.load(), 250);
  }

  async load(): Promise<void> {
    if (this.#reading) return void (this.#again = true);
    this.#reading = true;
    const { id } = this;
    const params = { path: { id } };
    const { signal } = this.#stop;
    const paged = (cursor: string | undefined) => ({ params: { ...params, query: { limit: 200, ...(cursor ? { cursor } : {}) } }, signal });
    try {
      this.order = await ok(api.GET('/work-orders/{id}', { params, signal }));
      this.refused = null;
    } catch (e) {
      if (e instanceof Refusal) this.refused = e;
      this.#reading = false;
      return;
    }
    const sees = session.can('view_publications');
    await Promise.all([
      this.#part('photos', async () => (this.photos = await ok(api.GET('/work-orders/{id}/photo-index', { params, signal })))),
      this.#part('history', async () => (this.history = await whole((c) => ok(api.GET('/work-orders/{id}/events', paged(c)))))),
      session.can('view_office_fields') && this.#part('changes', async () => (this.changes = await whole((c) => ok(api.GET('/work-orders/{id}/changes', paged(c))), 3))),
      this.#part('checkIns', async () => (this.checkIns = await whole((c) => ok(api.GET('/work-orders/{id}/check-ins', paged(c)))))),
      this.#part('responses', async () => (this.responses = await whole((c) => ok(api.GET('/work-orders/{id}/survey-responses', paged(c)))))),
      this.#part('announcements', async () => (this.announcements = await whole((c) => ok(api.GET('/work-orders/{id}/announcements', paged(c)))))),
      this.#part('surveys', async () => (this.surveys = await whole((c) => ok(api.GET('/work-orders/{id}/surveys', paged(c)))))),
      sees && this.#part('publications', async () => (this.publications = await whole((c) => ok(api.GET('/work-orders/{id}/publications', paged(c))), 2))),
      sees && this.#part('messages', async () => (this.messages = await whole((c) => ok(api.GET('/work-orders/{id}/messages', paged(c))), 1))),
      sees && this.#part('links', async () => (this.links = await whole((c) => ok(api.GET('/work-orders/{id}/links', paged(c))), 2))),
      sees && this.#part('notes', async () => (this.notes = await whole((c) => ok(api.GET('/work-orders/{id}/comments', paged(c))), 2))),
    ]);
    this.read = true;
    this.#reading = false;
    if (this.#again) {
      this.#again = false;
      this.soon();
    }
  }

  async #part(part: Part, read: () => Promise<unknown>): Promise<void> {
    try {
      await read();
      delete this.failed[part];
    } catch (e) {
      if (!this.#stop.signal.aborted) this.failed[part] = wordsOf(e);
    }
  }

  /** What is on phones is not waited for when it is said so. */
  async move(event: Transition, withoutAwaited = false): Promise<void> {
    const path = ('/work-orders/{id}/' + event) as '/work-orders/{id}/approve';
    this.order = await ok(api.POST(path, { params: { path: { id: this.id } }, body: withoutAwaited ? { without_awaited: true } : {} }));
    this.soon();
  }

  async assign(assignee: string): Promise<void> {
    this.order = await ok(api.POST('/work-orders/{id}/assign', { params: { path: { id: this.id } }, body: { assignee } }));
    this.soon();
  }

  async reject(reason: string): Promise<void> {
    this.order = await ok(api.POST('/work-orders/{id}/reject', { params: { path: { id: this.id } }, body: { reason } }));
    this.soon();
  }

  /** Who the order is with, as assign takes it; "" for nobody. */
  get assignee(): string {
    return this.order?.assigned_to_all ? '~all~' : (this.order?.assignee ?? '');
  }

  /**
   * Changes fields as they stood in seen. Another change of other fields meanwhile is in nobody's way; one of the same fields
   * is thrown as [Meanwhile].
   */
  async change(patch: Patch, seen: Order | null = this.order): Promise<void> {
    if (!seen) return;
    let version = seen.version;
    for (let attempt = 0; ; attempt++) {
      try {
        this.order = await ok(api.PATCH('/work-orders/{id}', { params: { path: { id: this.id }, header: { 'If-Match': `"${version}"` } }, body: patch }));
        return this.soon();
      } catch (e) {
        if (!(e instanceof Refusal) || e.status !== 412 || attempt === 5) throw e;
      }
      const now = await ok(api.GET('/work-orders/{id}', { params: { path: { id: this.id } } }));
      const touched = Object.keys(patch).filter((k) => k !== 'tasks') as (keyof Order)[];
      const both = touched.find((k) => JSON.stringify(now[k]) !== JSON.stringify(seen[k]));
      this.order = now;
      if (both) throw new Meanwhile(now, await this.#whoChanged(both));
      version = now.version;
    }
  }

  async #whoChanged(field: string): Promise<string> {
    try {
      this.changes = (await ok(api.GET('/work-orders/{id}/changes', { params: { path: { id: this.id }, query: { limit: 50 } } }))).items ?? [];
      return this.changes.find((c) => c.field === field || c.field.startsWith(field + '.'))?.who_name ?? '';
    } catch {
      return ''; // who may edit need not be one who sees the changes
    }
  }
}
