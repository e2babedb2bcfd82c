// How the list stands: grouped, sorted and marked as crews know it (domain: statuses seen in the field).
import type { Order } from '$field/lib/db';

export type Group = 'rework' | 'rush' | 'assigned' | 'complete' | 'upcoming';
export const groups: Group[] = ['rework', 'rush', 'assigned', 'complete', 'upcoming'];
/** A moment in the account's zone: 2026-11-27 and 17:05. */
export type Moment = { day: string; time: string };

const over = ['approved', 'published', 'cancelled', 'closed'];
export const isDone = (o: Order): boolean => o.state === 'completed' || over.includes(o.state);

export function groupOf(o: Order, now: Moment): Group {
  if (over.includes(o.state)) return 'complete';
  if (o.priority === 'rework') return 'rework';
  if (o.priority === 'rush') return 'rush';
  if (o.state === 'completed') return 'complete';
  return o.start_date && o.start_date > now.day ? 'upcoming' : 'assigned';
}

/** Within a group: in process, updated, new and viewed, completed. */
function rank(o: Order): number {
  if (isDone(o)) return 3;
  if (o.state === 'in_progress' || o.field_status === 'in_process') return 0;
  return o.field_status === 'updated' ? 1 : 2;
}

const dueKey = (o: Order): string => (o.due_date ?? '9999-12-31') + ' ' + (o.due_time ?? '24:00');

/** How late an order is: whole days, under a day in hours; null when it is not. */
export function lateness(o: Order, now: Moment): { days: number; hours: number } | null {
  if (isDone(o) || !o.due_date) return null;
  const due = Date.parse(o.due_date + 'T' + (o.due_time ?? '24:00').replace('24:00', '23:59') + ':00Z');
  const ms = Date.parse(now.day + 'T' + now.time + ':00Z') - due;
  if (o.due_time === null || o.due_time === undefined) {
    const days = Math.round((Date.parse(now.day) - Date.parse(o.due_date)) / 86_400_000);
    return days > 0 ? { days, hours: days * 24 } : null;
  }
  return ms > 0 ? { days: Math.floor(ms / 86_400_000), hours: Math.max(1, Math.floor(ms / 3_600_000)) } : null;
}

/** Whether an order stands in the list: what was taken away and what is closed stand there for their unsent items alone. */
export function listed(o: Order, unsent: number): boolean {
  return unsent > 0 || (!o.gone && o.state !== 'closed');
}

export function arrange(orders: Order[], now: Moment): { group: Group; orders: Order[] }[] {
  const of = new Map<Group, Order[]>();
  for (const o of orders) {
    const group = groupOf(o, now);
    const list = of.get(group);
    if (list) list.push(o);
    else of.set(group, [o]);
  }
  const late = (o: Order) => (lateness(o, now) ? 0 : 1);
  const inOrder = (a: Order, b: Order) => rank(a) - rank(b) || late(a) - late(b) || dueKey(a).localeCompare(dueKey(b)) || a.work_order_number.localeCompare(b.work_order_number);
  return groups.flatMap((group) => {
    const list = of.get(group);
    return list ? [{ group, orders: list.sort(inOrder) }] : [];
  });
}

const plain = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

/** All that an order says, to be searched in; without what only a session may see when that has ended. */
export function wordsOfOrder(o: Order, codes: boolean): string {
  const a = o.address;
  const texts = [
    o.work_order_number, o.client_code, o.client_name, o.client_code + '::' + o.work_order_number, a?.address1, a?.address2, a?.city, a?.state, a?.zip, a?.country, o.client_status,
    o.instructions?.replace(/<[^>]*>/g, ' '), o.client_instructions?.replace(/<[^>]*>/g, ' '), o.assignee, o.assignee_name, o.source?.work_order_number, o.due_date,
    ...(o.tasks ?? []).flatMap((t) => [t.name, t.instructions?.replace(/<[^>]*>/g, ' ')]), ...Object.values(o.attributes ?? {}), codes ? o.work_order_info : '',
  ];
  return plain(texts.filter(Boolean).join('\n'));
}

/** Whether each word of a query is in a text of [wordsOfOrder]. */
export function matches(text: string, query: string): boolean {
  return plain(query).split(/\s+/).filter(Boolean).every((word) => text.includes(word));
}
