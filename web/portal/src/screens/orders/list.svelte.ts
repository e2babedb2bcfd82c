// The rows of a list of any length: pages by their place, read as they come into view, kept a few thousand, changed in place.
import { api, ok, Refusal, type Schemas } from '$lib/api';
import { clients, people } from '$lib/names.svelte';
import { heard, onEvent, type StreamEvent } from '$lib/stream';
import { query, without, write, type Asked, type Filters } from './filters';

export type Order = Schemas['WorkOrder'];
type Refused = Schemas['BulkRow'];

const size = 100;
const keptPages = 40;

export class OrderList {
  asked: Asked = { filters: {}, sort: '', refused: '' };
  /** How many rows there are: what is known, before it is counted what was seen. */
  total = $state(0);
  counted = $state(false);
  /** How many there are of each state, whatever state is shown. */
  states = $state<Record<string, number>>({});
  failed = $state<unknown>(null);
  /** Ids of orders that would be shown if the list were asked for again. */
  fresh = $state<string[]>([]);
  /** Why each order was refused, where the list is what a bulk refused. */
  why = $state.raw(new Map<string, Refused>());
  #version = $state(0);
  #pages = new Map<number, Order[]>();
  #old = new Map<number, Order[]>(); // shown until the new rows are here
  #loading = new Map<number, AbortController>();
  #places = new Map<string, number>();
  #left = new Set<string>();
  #changed = new Set<string>();
  #ids: string[] | null = null;
  #window = [0, 0];
  #turn = 0;
  #touched = new Map<string, Set<string>>();
  #flushing = 0;
  #counting = 0;
  #since = 0; // what is older was there before the rows were read
  #meanwhile = new Set<string>(); // orders of which something was heard while rows were read
  #stop: () => void;

  constructor() {
    this.#stop = onEvent((e, at) => this.#hear(e, at));
  }

  end(): void {
    this.#stop();
    clearTimeout(this.#flushing);
    clearTimeout(this.#counting);
    for (const l of this.#loading.values()) l.abort();
  }

  /** Shows another list; `total` is how long it is believed to be. */
  async ask(asked: Asked, total = 0): Promise<void> {
    this.asked = asked;
    this.#clear();
    this.#old.clear();
    this.total = total;
    this.counted = false;
    this.failed = null;
    this.#ids = null;
    this.why = new Map();
    const turn = this.#turn;
    if (asked.refused) {
      const rows = await allRows(asked.refused, 'refused').catch((e: unknown) => ((this.failed = e), [] as Refused[]));
      if (turn !== this.#turn) return;
      this.why = new Map(rows.map((r) => [r.work_order_id, r]));
      this.#ids = [...this.why.keys()];
      this.total = this.#ids.length;
      this.counted = true;
    }
    this.show(...(this.#window as [number, number]));
  }

  /** Asks for the same again; the rows stay until the new ones are here. */
  again(): void {
    const old = new Map(this.#pages);
    this.#clear();
    this.#old = old;
    this.show(...(this.#window as [number, number]));
    this.#countSoon(0);
  }

  #clear(): void {
    this.#turn++;
    for (const l of this.#loading.values()) l.abort();
    this.#loading.clear();
    this.#pages.clear();
    this.#places.clear();
    this.#left.clear();
    this.#since = heard();
    this.fresh = [];
    this.#version++;
  }

  row(place: number): Order | undefined {
    void this.#version;
    const page = Math.floor(place / size);
    return (this.#pages.get(page) ?? this.#old.get(page))?.[place % size];
  }

  placeOf = (id: string): number | undefined => this.#places.get(id);
  known = (id: string): Order | undefined => {
    const place = this.#places.get(id);
    return place === undefined ? undefined : this.row(place);
  };
  left = (id: string): boolean => (void this.#version, this.#left.has(id));
  changed = (id: string): boolean => (void this.#version, this.#changed.has(id));

  /** The rows from one place up to another, read where they are not here. */
  async rows(from: number, to: number): Promise<Order[]> {
    const found: Order[] = [];
    for (let page = Math.floor(from / size); page <= Math.floor(to / size); page++)
      for (const [i, o] of (this.#pages.get(page) ?? (await this.#read(page))).entries()) if (page * size + i >= from && page * size + i <= to) found.push(o);
    return found;
  }

  /** Tells which rows are in view. */
  show(from: number, to: number): void {
    this.#window = [from, to];
    if (this.asked.refused && !this.#ids) return; // which they are is not known yet
    const [first, last] = [Math.floor(Math.max(0, from) / size), Math.floor(Math.max(0, to) / size)];
    for (const [page, load] of this.#loading) if (page < first - 1 || page > last + 1) load.abort();
    for (let page = first; page <= last; page++) if (page === 0 || page * size < this.total) void this.#load(page);
  }

  async #read(page: number, signal?: AbortSignal): Promise<Order[]> {
    if (this.#ids) {
      const ids = this.#ids.slice(page * size, (page + 1) * size);
      const found = new Map((await byIDs(ids, {}, signal)).map((o) => [o.id, o]));
      return ids.flatMap((id) => found.get(id) ?? []);
    }
    const asked = { ...query(this.asked.filters), sort: this.asked.sort, place: page * size, limit: size };
    const list = await ok(api.GET('/work-orders', { params: { query: asked as never }, signal }));
    const items = list.items ?? [];
    people.learn(Object.fromEntries(items.map((o) => [o.assignee ?? '', o.assignee_name])));
    clients.learn(Object.fromEntries(items.map((o) => [o.client_code, o.client_name])));
    if (!items.length) void learnFiltered(this.asked.filters);
    const end = page * size + items.length;
    if (list.next_cursor === null && (items.length > 0 || page === 0)) this.total = end;
    else if (list.next_cursor !== null && this.total <= end) this.total = end + 1;
    return items;
  }

  async #load(page: number): Promise<void> {
    if (this.#pages.has(page) || this.#loading.has(page)) return;
    const load = new AbortController();
    const turn = this.#turn;
    this.#loading.set(page, load);
    try {
      const items = await this.#read(page, load.signal);
      if (turn !== this.#turn) return;
      this.#pages.set(page, items);
      this.#old.delete(page);
      for (const [i, o] of items.entries()) this.#places.set(o.id, page * size + i);
      const here = new Set(items.map((o) => o.id));
      if (this.fresh.some((id) => here.has(id))) this.fresh = this.fresh.filter((id) => !here.has(id));
      // What happened while the rows were on their way may not stand in them.
      for (const id of this.#meanwhile) if (here.has(id)) this.#touch(id, 'work_order.updated');
      this.#forget();
      this.failed = null;
      this.#version++;
      if (!this.counted) this.#countSoon(0);
      if (page * size < this.#window[1]! && this.total > (page + 1) * size) this.show(...(this.#window as [number, number]));
    } catch (e) {
      if (!load.signal.aborted && turn === this.#turn) this.failed = e;
    } finally {
      if (this.#loading.get(page) === load) this.#loading.delete(page);
      if (!this.#loading.size) this.#meanwhile.clear();
    }
  }

  // What lies farthest from the rows in view goes first.
  #forget(): void {
    const here = Math.floor(this.#window[0]! / size);
    const far = [...this.#pages.keys()].sort((a, b) => Math.abs(b - here) - Math.abs(a - here));
    for (const page of far.slice(0, Math.max(0, far.length - keptPages))) {
      for (const o of this.#pages.get(page) ?? []) this.#places.delete(o.id);
      this.#pages.delete(page);
    }
  }

  #countSoon(ms: number): void {
    clearTimeout(this.#counting);
    this.#counting = window.setTimeout(() => void this.count(), ms);
  }

  /** Counts the list by state. Rows never wait for it. */
  async count(): Promise<void> {
    if (this.#ids) return;
    const turn = this.#turn;
    try {
      const { by } = await ok(api.GET('/work-orders/counts', { params: { query: { ...query(without(this.asked.filters, 'state')), by: 'state' } as never } }));
      if (turn !== this.#turn) return;
      this.states = by;
      const shown = this.asked.filters.state?.split(',') ?? Object.keys(by);
      const total = shown.reduce((n, s) => n + (by[s] ?? 0), 0);
      // While somebody looks the rows keep their places: those that left stay, those that came wait.
      if (!this.counted) this.total = total;
      this.counted = true;
      this.matching = total;
    } catch (e) {
      if (e instanceof Refusal && turn === this.#turn) this.counted = true;
    }
  }
  /** How many orders match now, though some of them may wait to be shown. */
  matching = $state(0);

  #hear(e: StreamEvent, at: number): void {
    if (e.type === 'reset') return this.again();
    const id = e.work_order_id || (e.type.startsWith('work_order.') ? e.id : '');
    if (!id) return;
    if (this.#loading.size) this.#meanwhile.add(id);
    this.#touch(id, at > this.#since ? e.type : 'work_order.updated');
  }

  #touch(id: string, type: string): void {
    const types = this.#touched.get(id) ?? new Set();
    this.#touched.set(id, types.add(type));
    if (!this.#flushing) this.#flushing = window.setTimeout(() => void this.#flush(), 250);
  }

  async #flush(): Promise<void> {
    const touched = [...this.#touched].slice(0, 200);
    for (const [id] of touched) this.#touched.delete(id);
    const turn = this.#turn;
    const known = touched.map(([id]) => id).filter((id) => this.#places.has(id));
    const wanted = this.asked.filters.state?.split(',');
    const entering = (type: string) => type === 'work_order.created' || (wanted?.includes(type.replace('work_order.', '')) ?? false);
    const strangers = touched.filter(([id, types]) => !this.#places.has(id) && !this.fresh.includes(id) && [...types].some(entering)).map(([id]) => id);
    try {
      const filtered = Object.keys(this.asked.filters).length > 0 && !this.#ids;
      const now = known.length ? await byIDs(known, {}) : [];
      const ask = filtered ? [...known, ...strangers] : strangers;
      const fits = new Set(!this.#ids && ask.length ? (await byIDs(ask, this.asked.filters)).map((o) => o.id) : []);
      if (turn !== this.#turn) return;
      const here = new Map(now.map((o) => [o.id, o]));
      for (const id of known) this.#put(id, here.get(id), !here.has(id) || (filtered && !fits.has(id)));
      const came = strangers.filter((id) => fits.has(id));
      if (came.length) this.fresh = [...this.fresh, ...came];
      if (touched.some(([, types]) => [...types].some((t) => t.startsWith('work_order.')))) this.#countSoon(600);
    } catch {
      // The next event of the order tells it again, and so does whoever asks for the list.
    } finally {
      this.#flushing = this.#touched.size ? window.setTimeout(() => void this.#flush(), 250) : 0;
    }
  }

  #put(id: string, order: Order | undefined, left: boolean): void {
    const place = this.#places.get(id);
    if (place === undefined) return;
    const page = this.#pages.get(Math.floor(place / size));
    const before = page?.[place % size];
    if (page && order && before && before.id === id) {
      page[place % size] = order;
      if (before.version !== order.version || JSON.stringify(before) !== JSON.stringify(order)) {
        this.#changed.add(id);
        setTimeout(() => (this.#changed.delete(id), this.#version++), 1300);
      }
    }
    if (left) this.#left.add(id);
    else this.#left.delete(id);
    this.#version++;
  }
}

// Of whom the list is filtered by it may hold nothing that tells what they are called.
async function learnFiltered(filters: Filters): Promise<void> {
  for (const [by, names] of [['assignee', people], ['client_code', clients]] as const) {
    const word = filters[by];
    if (word && word !== '~all~' && !names.knows(word)) await ok(api.GET('/work-orders/counts', { params: { query: { [by]: word, by } } })).then((c) => names.learn(c.names), () => {});
  }
}

async function byIDs(ids: string[], filters: Filters, signal?: AbortSignal): Promise<Order[]> {
  const given = filters.ids === undefined ? ids : ids.filter((id) => filters.ids?.split(',').includes(id));
  if (!given.length) return [];
  return (await ok(api.GET('/work-orders', { params: { query: { ...query(without(filters, 'ids')), ids: given, limit: 200 } as never }, signal }))).items ?? [];
}

/** The rows of a bulk with one result, however many. */
export async function allRows(bulk: string, result: string): Promise<Refused[]> {
  const rows: Refused[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await ok(api.GET('/bulk/{id}/rows', { params: { path: { id: bulk }, query: { result: [result], limit: 200, ...(cursor ? { cursor } : {}) } as never } }));
    rows.push(...(page.items ?? []));
    if (!page.next_cursor) return rows;
    cursor = page.next_cursor;
  }
}

// Where somebody was in each list, so that Back brings the same rows at the same place.
export type Place = { offset: number; at: number; total: number };
const placeKey = (asked: Asked) => 'fieldproof-place ' + write(asked);
export const placeIn = (asked: Asked): Place | null => JSON.parse(sessionStorage.getItem(placeKey(asked)) ?? 'null') as Place | null;
export const keepPlace = (asked: Asked, place: Place): void => sessionStorage.setItem(placeKey(asked), JSON.stringify(place));
