// The photos of an order by task and type of evidence, counted from the index in one pass.
import type { OrderPage } from './page.svelte';
import type { Schemas } from '$lib/api';

export type Thumb = { id: string; review: Schemas['Review']; viewable: boolean; rotation: number };
export type Group = { evidence: string; ids: Thumb[]; lack: number };
export type TaskPhotos = { id: string; task: Schemas['Task'] | null; groups: Group[]; photos: number; rejected: number; missing: number; answered: boolean };

const order = ['before', 'during', 'after'];
/** Where a type of evidence stands beside others: as the work goes. */
export const place = (evidence: string) => (order.indexOf(evidence) + 1 || order.length + 1);

export function tally(page: OrderPage): TaskPhotos[] {
  const o = page.order;
  if (!o) return [];
  const x = page.photos;
  const of = new Map<string, Map<string, Thumb[]>>();
  for (let n = (x?.id?.length ?? 0) - 1; x && n >= 0; n--) {
    const at = x.task?.[n];
    const task = at === null || at === undefined ? '' : (x.tasks?.[at] ?? '');
    const evidence = x.evidence_types?.[x.evidence?.[n] ?? 0] ?? '';
    let groups = of.get(task);
    if (!groups) of.set(task, (groups = new Map()));
    let thumbs = groups.get(evidence);
    if (!thumbs) groups.set(evidence, (thumbs = []));
    thumbs.push({ id: x.id?.[n] ?? '', review: x.review?.[n] ?? 'pending', viewable: x.viewable?.[n] ?? false, rotation: x.rotation?.[n] ?? 0 });
  }
  const answered = new Set(page.responses.map((r) => r.task_id));
  const tasks = o.tasks ?? [];
  const rows = tasks.map((t) => row(t.id, t, of.get(t.id), x !== null, answered.has(t.id)));
  for (const [id, groups] of of) if (!tasks.some((t) => t.id === id)) rows.push(row(id || 'none', null, groups, true, false));
  return rows;
}

function row(id: string, task: Schemas['Task'] | null, of: Map<string, Thumb[]> | undefined, known: boolean, answered: boolean): TaskPhotos {
  const wanted = known ? (task?.required_photos ?? {}) : {};
  const types = new Set([...(of?.keys() ?? []), ...Object.keys(wanted).filter((k) => (wanted[k] ?? 0) > 0)]);
  const groups = [...types].sort((a, b) => place(a) - place(b) || a.localeCompare(b)).map((evidence) => {
    const ids = of?.get(evidence) ?? [];
    const counted = ids.filter((p) => p.review !== 'rejected').length;
    return { evidence, ids, lack: Math.max(0, (wanted[evidence] ?? 0) - counted) };
  });
  const all = groups.flatMap((g) => g.ids);
  return {
    id, task, groups, answered, photos: all.length, rejected: all.filter((p) => p.review === 'rejected').length,
    missing: groups.reduce((n, g) => n + g.lack, 0) + (known && task?.kind === 'survey' && !answered ? 1 : 0),
  };
}
