// What a person did, each order's as it was done, under keys that the server knows for weeks.
import { bare, db, type Action, type Item } from '../lib/db';
import { Full, write } from '../lib/store';
import { ask, later, refusalOf, retryAfter, type Answer } from './http';
import { isLocal } from './local';
import { noted, untold } from './noted';
import { restsFor } from './pieces';
import { photoAt } from './room';

type Body = Record<string, unknown>;
type Request = { method: string; path: string; body?: Body };

/** What became of a try: done with, waits for something of ours, or to be tried again after so many ms. */
type Outcome = { kind: 'over' } | { kind: 'waits' } | { kind: 'later'; after: number };

const changing = ['caption', 'move', 'delete'];

/** Waiting actions of a person, oldest first; what is due to be tried again later is left out with all that follows in its order. */
export async function due(owner: string, now: number): Promise<Action[]> {
  const waiting = await untold(owner);
  const held = new Set<string>();
  return waiting.filter((a) => {
    const key = changing.includes(a.kind) ? 'item/' + String(a.body.uuid) : a.order_id;
    if (held.has(key)) return false;
    if (restsFor(a.next_try, now) > 0) {
      held.add(key);
      return false;
    }
    return true;
  });
}

/**
 * Does what waits. An order whose action has to wait keeps its later ones back, and no other order's. `announced` is called
 * before each: complete counts what was announced.
 */
export async function perform(owner: string, device: string, announced: () => Promise<number>, signal?: AbortSignal): Promise<number> {
  const held = new Set<string>();
  let soonest = 0;
  const wait = (ms: number) => (soonest = soonest === 0 ? ms : Math.min(soonest, ms));
  for (;;) {
    const next = (await due(owner, Date.now())).find((a) => !held.has(holder(a)));
    if (!next) return soonest;
    const pause = await announced();
    if (pause > 0 && next.kind === 'complete') {
      wait(pause);
      held.add(holder(next));
      continue;
    }
    const fresh = (await untold(owner)).find((a) => a.seq === next.seq);
    if (!fresh) continue;
    const outcome = await one(fresh, owner, device, signal).catch((e: unknown): Outcome => {
      if (e instanceof Full) return { kind: 'later', after: 60_000 };
      throw e;
    });
    if (outcome.kind === 'over') continue;
    held.add(holder(fresh));
    if (outcome.kind === 'later') {
      const tries = (fresh.tries ?? 0) + 1;
      const after = outcome.after || Math.min(300_000, 2000 * 2 ** Math.min(tries, 8));
      wait(after);
      await change(fresh, { tries, next_try: Date.now() + after });
    }
  }
}

function holder(a: Action): string {
  return changing.includes(a.kind) ? 'item/' + String(a.body.uuid) : a.order_id;
}

async function one(a: Action, owner: string, device: string, signal?: AbortSignal): Promise<Outcome> {
  if (a.kind !== 'create_order' && isLocal(a.order_id)) return (await orphan(a)) ? { kind: 'over' } : { kind: 'waits' };
  if (isLocal(a.body.task_id as string | undefined)) return { kind: 'waits' };
  const r = await requestOf(a, device);
  if (r === 'nothing') {
    await finish(a, 'done', null);
    return { kind: 'over' };
  }
  if (r === 'not yet') return { kind: 'waits' };
  const answer = await ask(owner, r.method, r.path, { json: r.body, headers: r.method === 'POST' ? { 'Idempotency-Key': a.key } : {}, signal });
  if (later(answer.status)) return { kind: 'later', after: retryAfter(answer) };
  if (answer.status < 300) {
    await done(a, answer);
    return { kind: 'over' };
  }
  // The answer to an earlier try may have been lost: what is there already is done.
  if (a.kind === 'delete' && (answer.status === 404 || answer.status === 410)) {
    await finish(a, 'done', null);
    return { kind: 'over' };
  }
  // Its photo had arrived, and nobody here heard of it: it is deleted there.
  const there = a.kind === 'delete' && !a.body.id && answer.status === 409 ? await photoAt(owner, String(a.body.uuid), signal) : null;
  if (there) {
    await change(a, { body: { ...a.body, id: there.id } });
    return { kind: 'over' };
  }
  if (a.kind === 'add_task' && (answer.status === 409 || answer.status === 422) && (await taken(a, owner, signal))) return { kind: 'over' };
  await finish(a, answer.status === 409 || answer.status === 412 ? 'conflict' : 'refused', { ...refusalOf(answer), problem: answer.body });
  return { kind: 'over' };
}

/** An action on an order that was never made, because the server refused it: it is refused with it. */
async function orphan(a: Action): Promise<boolean> {
  const alias = await db.meta.get('alias/' + a.order_id);
  if (alias) {
    await write(() => db.actions.update(a.seq ?? 0, { order_id: String(alias.value) }));
    return true;
  }
  const made = await db.actions.where('owner').equals(a.owner).filter((b) => b.kind === 'create_order' && b.order_id === a.order_id).first();
  if (made && made.state !== 'waiting' && made.state !== 'done') {
    await finish(a, 'refused', { status: 0, code: 'order_refused', detail: '' });
    return true;
  }
  return false;
}

async function requestOf(a: Action, device: string): Promise<Request | 'nothing' | 'not yet'> {
  const order = '/work-orders/' + encodeURIComponent(a.order_id);
  const b = a.body as Body;
  switch (a.kind) {
    case 'view':
      return { method: 'POST', path: order + '/view' };
    case 'check_in':
      return { method: 'POST', path: order + '/check-ins', body: { ...b, device } };
    case 'note':
      return { method: 'POST', path: order + '/comments', body: b };
    case 'survey':
      return { method: 'POST', path: order + '/survey-responses', body: { ...b, device } };
    case 'complete':
      return { method: 'POST', path: order + '/complete', body: { done_at: new Date(a.done_at).toISOString(), ...b } };
    case 'create_order':
      return { method: 'POST', path: '/work-orders', body: b };
    case 'add_task':
      return { method: 'PATCH', path: order, body: { tasks: [b.task] } };
    case 'caption':
    case 'move': {
      const item = await db.items.get(String(b.uuid));
      if (!item) return 'nothing';
      if (item.state !== 'safe' || !item.server_id) return 'not yet';
      const { uuid: _, ...change } = b;
      return { method: 'PATCH', path: '/photos/' + encodeURIComponent(item.server_id), body: change };
    }
    case 'delete':
      if (b.id) return { method: 'DELETE', path: '/photos/' + encodeURIComponent(String(b.id)) };
      return { method: 'DELETE', path: '/announcements/' + encodeURIComponent(String(b.uuid)) };
    default:
      return 'nothing';
  }
}

async function finish(a: Action, state: Action['state'], answer: unknown): Promise<void> {
  await change(a, { state, answer, next_try: 0 });
}

function change(a: Action, part: Partial<Action>): Promise<void> {
  return noted.actions.note([[a.seq ?? 0, { becomes: (now) => ({ ...now, ...part }) }]]);
}

type Order = { id: string; version?: number; work_order_number?: string; tasks?: { id: string; name: string }[] };

async function done(a: Action, answer: Answer): Promise<void> {
  const order = answer.body as Order | null;
  try {
    await write(() =>
      db.transaction('rw', [db.orders, db.meta, db.items, db.actions, db.drafts], async () => {
        if (a.kind === 'create_order' && order?.id) await adopt(a, order);
        else if (a.kind === 'add_task' && order?.id) await adoptTask(a, order);
        else if ((a.kind === 'view' || a.kind === 'complete') && order?.id === a.order_id) await show(order);
        await db.actions.update(a.seq ?? 0, { state: 'done', answer: null, next_try: 0 });
      }),
    );
  } catch (e) {
    if (!(e instanceof Full) || a.kind === 'create_order' || a.kind === 'add_task') throw e; // what hangs on ids waits for room
    await finish(a, 'done', null);
  }
}

/** The row of an order as an answer shows it, until the next sync. Who has left meanwhile is shown nothing. */
async function show(order: Order): Promise<void> {
  const had = await db.orders.get(order.id);
  if (had && (await db.isIn(had.owner))) await db.orders.put({ ...had, ...order } as typeof had);
}

/** An order that was made here has the server's id from now on, and so has all that hangs on it. */
async function adopt(a: Action, order: Order): Promise<void> {
  const was = a.order_id;
  if (was === order.id) return;
  const row = await db.orders.get(was);
  const ids = new Map<string, string>([[was, order.id]]);
  for (const t of (row?.tasks ?? []) as { id: string; name: string }[]) {
    const now = order.tasks?.find((o) => o.name === t.name);
    if (now) ids.set(t.id, now.id);
  }
  await db.orders.delete(was);
  const now = { ...(row ?? {}), ...order, owner: a.owner, local: false, gone: false };
  await db.orders.put(((await db.isIn(a.owner)) ? now : bare(now as never)) as never);
  await db.meta.put({ key: 'alias/' + was, value: order.id });
  await rename(a.owner, ids);
}

async function adoptTask(a: Action, order: Order): Promise<void> {
  await show(order);
  const local = String(a.body.local ?? '');
  const name = (a.body.task as { name?: string } | undefined)?.name;
  const now = order.tasks?.find((t) => t.name === name);
  if (local && now) await rename(a.owner, new Map([[local, now.id]]));
}

/** Gives what hangs on ids of ours the server's. */
async function rename(owner: string, ids: Map<string, string>): Promise<void> {
  const now = (id: string) => ids.get(id) ?? id;
  await db.items.where('owner').equals(owner).modify((i: Item) => {
    i.order_id = now(i.order_id);
    if (i.task_id) i.task_id = now(i.task_id);
  });
  await db.actions.where('owner').equals(owner).modify((a: Action) => {
    a.order_id = now(a.order_id);
    if (typeof a.body.task_id === 'string') a.body = { ...a.body, task_id: now(a.body.task_id) };
  });
  for (const d of await db.drafts.toArray()) {
    const id = String(d.id).split('/').map(now).join('/');
    if (id === d.id) continue;
    await db.drafts.delete(d.id);
    await db.drafts.put({ ...d, id });
  }
}

/** Whether the task of an action is at the order: the answer to an earlier try was lost then. */
async function taken(a: Action, owner: string, signal?: AbortSignal): Promise<boolean> {
  const answer = await ask(owner, 'GET', '/work-orders/' + encodeURIComponent(a.order_id), { signal });
  const order = answer.body as Order | null;
  const name = (a.body.task as { name?: string } | undefined)?.name;
  if (answer.status !== 200 || !order?.tasks?.some((t) => t.name === name) || (a.tries ?? 0) === 0) return false;
  await done(a, answer);
  return true;
}
