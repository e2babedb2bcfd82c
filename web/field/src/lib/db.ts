// What the phone keeps, all of it: the only file that names stores. Steps go forwards; a step that was released never changes.
import type { components } from '$client/schema';
import { Dexie, type Table } from 'dexie';

export type Schemas = components['schemas'];
export type User = Schemas['User'];
export type Account = Schemas['Account'];
export type Task = Schemas['Task'];

/** Who is signed in on this phone, and where. */
export type SignedIn = { token: string; user: User; account: Account; host: string; expires_at: string | null };

/** An order as /sync gave it, and what this phone adds to it. */
export type Order = Schemas['WorkOrder'] & {
  owner: string;
  /** Taken away: number and unsent items alone are left of it. */
  gone?: boolean;
  /** Made here, and not yet known to the server. */
  local?: boolean;
  awaited?: number;
  policy?: { qa: string; from: string };
  surveys?: { task_id: string; survey: string; answers: unknown }[];
  rework?: { reason: string; by: string; by_name?: string; at: string; item_ids?: string[] } | null;
};

export type Survey = { id: string; survey_id: string; template: unknown; owner: string };

/** A photo of mine as the server has it. */
export type KnownPhoto = {
  id: string; uuid: string; sha256: string; review: string; reason: string; owner: string;
  work_order_id?: string; task_id?: string | null; evidence_type?: string; taken_at?: string; notes?: string;
};

export type ItemState = 'kept' | 'announced' | 'sending' | 'safe' | 'refused' | 'lost';
/** The states in which the bytes are on this phone alone. */
export const onlyHere = ['kept', 'announced', 'sending', 'refused'] as const satisfies ItemState[];
export const isOnlyHere = (i: { state: ItemState }): boolean => (onlyHere as readonly ItemState[]).includes(i.state);
export type PositionState = 'good' | 'old' | 'vague' | 'refused' | 'none';

/** One piece of proof that was taken here. Times are of this phone's clock, in milliseconds. */
export type Item = {
  uuid: string; owner: string; kind: 'photo'; order_id: string; task_id: string; task_name?: string; evidence_type: string; shot?: string;
  taken_at: number; zone: string; offset_ms: number | null;
  latitude?: number; longitude?: number; accuracy?: number; position_at?: number; position_state: PositionState;
  source: 'mobile_camera' | 'mobile_gallery'; notes: string;
  sha256: string; size: number; width: number; height: number;
  state: ItemState; announced_at?: number; upload_url?: string; sent: number; tries: number; next_try?: number;
  refusal?: { code: string; detail: string }; confirmed_at?: number; server_id?: string; created_at: number;
  /** The question of a survey that it answers. */
  question?: string;
  /** Its bytes have left the phone: the server has them. */
  released?: boolean;
  /** Of a file that came and that this browser can't show; else it is a JPEG. */
  extension?: string;
};

export type ActionKind = 'view' | 'check_in' | 'note' | 'survey' | 'complete' | 'create_order' | 'add_task' | 'caption' | 'move' | 'delete';

/** Something that a person did, as it is told to the server. */
export type Action = {
  seq?: number; key: string; owner: string; order_id: string; kind: ActionKind; body: Record<string, unknown>;
  done_at: number; offset_ms: number | null; state: 'waiting' | 'done' | 'refused' | 'conflict'; tries: number; next_try?: number; answer?: unknown;
};
/** The states of what the server has not taken over. */
export const untaken = ['waiting', 'refused', 'conflict'] as const satisfies Action['state'][];
/** Whether what somebody did is work that would be missed: that they looked at an order is not. */
export const missed = (a: Action): boolean => a.kind !== 'view';

/** The answers of a survey as they stand, saved at every keystroke. */
export type Draft = { id: string; owner: string; answers: Record<string, unknown>; at: number; revision: number;
  /** The question at which one was, whether what is missing was asked for, and when the answers were handed in. */
  place?: string; told?: boolean; handed?: number;
};

/** What is kept once; the keys of [Meta]. */
export type Meta = {
  session: SignedIn;
  ended: boolean;
  cursor: { owner: string; value: string };
  synced_at: number;
  device: string;
  clock: { offset_ms: number; error_ms: number; measured_at: number };
  persisted: boolean;
  /** Whether the app runs from the home screen, as its page last saw. */
  installed: boolean;
  paused: boolean;
  settings: { welcomed?: boolean; tab_waved?: boolean; wifi_only?: boolean; left_hand?: boolean; grid?: boolean };
  beat: { id: string; at: number };
  work_types: unknown[];
};

/** The transactions of this page that have not ended. */
export const running = new Set<IDBTransaction>();

export class FieldBase extends Dexie {
  meta!: Table<{ key: string; value: unknown }, string>;
  orders!: Table<Order, string>;
  surveys!: Table<Survey, string>;
  photos!: Table<KnownPhoto, string>;
  thumbs!: Table<{ uuid: string; data: ArrayBuffer }, string>;
  items!: Table<Item, string>;
  bytes!: Table<{ uuid: string; data: ArrayBuffer }, string>;
  actions!: Table<Action, number>;
  drafts!: Table<Draft, string>;

  constructor(name = 'fieldproof') {
    // Without dexie's cache, which shows what is written before it is kept, and copies all that is read.
    super(name, { chromeTransactionDurability: 'strict', cache: 'disabled' });
    this.use({
      stack: 'dbcore',
      name: 'running',
      create: (core) => ({
        ...core,
        transaction: (stores, mode, options) => {
          const begun = core.transaction(stores, mode, options) as unknown as IDBTransaction;
          running.add(begun);
          for (const end of ['complete', 'abort']) begun.addEventListener(end, () => running.delete(begun));
          return begun as unknown as ReturnType<typeof core.transaction>;
        },
      }),
    });
    this.version(1).stores({
      meta: 'key',
      orders: 'id, owner',
      surveys: 'id, owner',
      photos: 'uuid, owner, work_order_id',
      thumbs: 'uuid',
      items: 'uuid, owner, order_id, [owner+state], [owner+order_id], [owner+created_at]',
      bytes: 'uuid',
      actions: '++seq, &key, owner, order_id, [owner+state], [owner+order_id]',
      drafts: 'id, owner',
    });
    // What waits is counted by its order without reading it: a phone may hold some hundred photos, and counts at each change.
    this.version(2).stores({ items: 'uuid, owner, order_id, [owner+state], [owner+order_id], [owner+created_at], [owner+state+order_id]' });
  }

  /** What is kept under a key of [Meta]. */
  async get<K extends keyof Meta>(key: K): Promise<Meta[K] | undefined> {
    return (await this.meta.get(key))?.value as Meta[K] | undefined;
  }

  /** What is kept under several keys, in one question. */
  async several<K extends keyof Meta>(...keys: K[]): Promise<{ [P in K]?: Meta[P] }> {
    const rows = await this.meta.bulkGet(keys);
    return Object.fromEntries(rows.flatMap((r) => (r ? [[r.key, r.value]] : []))) as { [P in K]?: Meta[P] };
  }

  /** Whether a person is signed in here: asked in the transaction that keeps what they are given, which may come after they left. */
  async isIn(owner: string): Promise<boolean> {
    return (await this.get('session'))?.user.id === owner;
  }

  async set<K extends keyof Meta>(key: K, value: Meta[K] | undefined): Promise<void> {
    if (value === undefined) await this.meta.delete(key);
    else await this.meta.put({ key, value });
  }
}

export const db = new FieldBase();

/** What stays of an order that is not ours to see any more: its number. */
export function bare<O extends { id: string; owner: string; work_order_number: string; client_code: string; state: string }>(o: O): O {
  return { id: o.id, owner: o.owner, work_order_number: o.work_order_number, client_code: o.client_code, state: o.state, gone: true } as unknown as O;
}
