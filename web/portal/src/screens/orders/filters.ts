// A list of orders as an address says it: filters and sort by the names of the API, always in the same sequence.
import { count, day, dayOf } from '$kit/format';
import { m } from '$kit/words/messages';
import { states, type House } from '$kit/mark';
import { clients, people } from '$lib/names.svelte';

export const names = ['q', 'state', 'assignee', 'client_code', 'priority', 'due_from', 'due_to', 'completed_from', 'completed_to', 'published_from', 'published_to',
  'invoiced', 'awaited', 'worked_on', 'property_id', 'ids'] as const;
export type Name = (typeof names)[number];
export type Filters = Partial<Record<Name, string>>;
/** What is shown: the orders that pass the filters, or those that a bulk refused. */
export type Asked = { filters: Filters; sort: string; refused: string };

export const usual = '-arrived';
export const open = 'created,assigned,in_progress';
export const strip: House[] = ['created', 'assigned', 'in_progress', 'completed', 'approved', 'published', 'cancelled', 'closed'];

export function read(search: string): Asked {
  const given = new URLSearchParams(search);
  const filters: Filters = {};
  for (const n of names) if (given.has(n)) filters[n] = given.getAll(n).join(',');
  return { filters, sort: given.get('sort') || usual, refused: given.get('refused') ?? '' };
}

export function write({ filters, sort, refused }: Asked): string {
  const said = new URLSearchParams();
  for (const n of names) if (filters[n] !== undefined) said.set(n, filters[n]);
  if (sort !== usual) said.set('sort', sort);
  if (refused) said.set('refused', refused);
  return said.toString();
}

/** The filters as the API takes them. */
export function query(filters: Filters): Record<string, string | string[]> {
  const { state, ids, ...rest } = filters;
  return { ...rest, ...(state ? { state: state.split(',') } : {}), ...(ids !== undefined ? { ids: ids.split(',').filter(Boolean) } : {}) };
}

export function without(filters: Filters, ...gone: Name[]): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([n]) => !gone.includes(n as Name)));
}

export type Chip = { of: Name[]; what: string; value: string; code?: string };

/** The filters as people read them. One state alone stands in the strip, words stand in their field. */
export function chips(f: Filters): Chip[] {
  const all: Chip[] = [];
  const say = (of: Name[], what: string, value: string, code?: string) => all.push({ of, what, value, code });
  if (f.state?.includes(',')) say(['state'], m.orders_filter_state(), f.state.split(',').map((s) => states[s as House]?.word() ?? s).join(', '));
  if (f.assignee !== undefined) say(['assignee'], m.orders_filter_assignee(), person(f.assignee));
  if (f.client_code !== undefined) say(['client_code'], m.orders_filter_client(), f.client_code ? clients.called(f.client_code) : m.orders_none(), clients.knows(f.client_code) ? f.client_code : undefined);
  if (f.priority) say(['priority'], m.orders_filter_priority(), priority(f.priority));
  for (const [what, from, to] of [[m.orders_filter_due(), 'due_from', 'due_to'], [m.orders_filter_completed(), 'completed_from', 'completed_to'], [m.orders_filter_published(), 'published_from', 'published_to']] as const)
    if (f[from] || f[to]) say([from, to], what, days(f[from], f[to]));
  if (f.invoiced) say(['invoiced'], m.orders_filter_invoiced(), yes(f.invoiced));
  if (f.awaited) say(['awaited'], m.orders_filter_awaited(), yes(f.awaited));
  if (f.worked_on) say(['worked_on'], m.orders_filter_worked_on(), m.orders_yes());
  if (f.property_id) say(['property_id'], m.orders_filter_property(), m.orders_this_one());
  if (f.ids !== undefined) say(['ids'], m.orders_filter_ids(), String(f.ids.split(',').filter(Boolean).length));
  return all;
}

const yes = (v: string) => (v === 'true' ? m.orders_yes() : m.orders_no());
export const person = (username: string) => (username === '' ? m.unassigned() : username === '~all~' ? m.everyone() : people.called(username));
export const priority = (p: string) => ({ normal: m.orders_priority_normal(), rush: m.mark_rush(), rework: m.mark_rework() })[p] ?? p;

// Days by how far they are from today, as the API takes them: a view that is kept stays true.
export const fromToday = (n: number): string => 'today' + (n > 0 ? '+' + n : n < 0 ? n : '');
const away = (text: string): number | undefined => {
  const far = /^today([-+ ]\d+)?$/.exec(text);
  return far ? Number((far[1] ?? '0').replace(' ', '+')) : undefined;
};
/** A day that a filter names, as a date. */
export function dateOf(text: string): string {
  const n = away(text);
  return n === undefined ? text : new Date(Date.parse(dayOf(new Date())) + n * 86_400_000).toISOString().slice(0, 10);
}
/** As a filter keeps a day that people know by how near it is. */
export function nearly(date: string): string {
  const n = [-1, 0, 1].find((by) => dateOf(fromToday(by)) === date);
  return n === undefined ? date : fromToday(n);
}

function days(from?: string, to?: string): string {
  const said = (d: string) => {
    const n = away(d);
    if (n !== undefined && n > 1) return m.orders_in_days({ count: count(n) });
    if (n !== undefined && n < -1) return m.orders_days_ago({ count: count(-n) });
    return /^\d{4}-\d\d-\d\d$/.test(dateOf(d)) ? day(dateOf(d)) : d;
  };
  if (from === 'today' && to === 'today+6') return m.orders_next_days();
  if (from === 'today-6' && !to) return m.orders_last_days();
  if (from && to) return from === to ? said(from) : m.orders_from_to({ from: said(from), to: said(to) });
  return from ? m.orders_from({ day: said(from) }) : m.orders_to({ day: said(to ?? '') });
}
