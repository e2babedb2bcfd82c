// What an order's tasks want and have, and what is missing for it to be completed: the phone's half of models/evidence.go. What
// the server counted comes with the order; what it can't know yet is added from what is kept here.
import type { Action, Item, KnownPhoto, Order, Task } from './db';

/** What the phone knows of an order beside its row. */
export type Known = { items: readonly Item[]; photos: readonly KnownPhoto[]; actions: readonly Action[] };
export type Want = { evidence: string; want: number; have: number };
export type Missing =
  | { kind: 'photos'; task: Task; evidence: string; want: number; have: number }
  | { kind: 'source'; task: Task }
  | { kind: 'survey'; task: Task }
  | { kind: 'check_in' };
export type TaskTally = {
  task: Task;
  /** By evidence type: what is required, and what was taken beyond. */
  wants: Want[];
  photos: number;
  /** Photos of mine that were sent back. */
  rejected: KnownPhoto[];
  answered: boolean;
  /** Something that is required is missing. */
  lacks: boolean;
  /** Nothing is missing, and something was done: where nothing is required, that decides. */
  done: boolean;
};
export type Tally = { tasks: TaskTally[]; missing: Missing[]; checkIn: { wanted: boolean; done: boolean }; completing: boolean };

/** What /sync says of an order's proof: photos that count by task and evidence type, tasks whose survey is answered, check-ins. */
type Counted = { taken?: Record<string, Record<string, number>> | null; answered?: string[] | null; check_ins?: number | null };
type Options = Record<string, unknown>;

const textOf = (v: unknown): string => (typeof v === 'string' ? v : v === null || v === undefined ? '' : String(v));
const truthy = (v: unknown): boolean => ['true', 'yes', '1'].includes(textOf(v).toLowerCase());
const intOf = (v: unknown): number => (/^[+-]?\d+$/.test(textOf(v)) ? Math.max(0, Math.min(Number(v), 10_000)) : 0);
const optionsOf = (o: { options?: unknown } | undefined): Options => (o?.options as Options | null | undefined) ?? {};

/** Required photos of options: required_photos, or before_min and the like. */
function evidenceOf(options: Options): Record<string, number> {
  const wanted: Record<string, number> = {};
  const map = options.required_photos;
  if (map && typeof map === 'object' && !Array.isArray(map)) for (const [type, n] of Object.entries(map)) wanted[type.trim().toLowerCase()] = intOf(n);
  for (const type of ['before', 'during', 'after']) if (type + '_min' in options) wanted[type] = intOf(options[type + '_min']);
  return wanted;
}

/** What a task needs of each evidence type: its own requirement, else its options', else the order's. */
export function wantedPhotos(task: Task, order: Options): Record<string, number> {
  const own = task.required_photos ?? {};
  const inherited = task.kind === 'survey' && Object.keys(own).length === 0 ? {} : evidenceOf(order);
  return { ...inherited, ...evidenceOf(optionsOf(task)), ...own };
}

/** The sources that count for a task; null is every one. */
export function allowedSources(task: Task, order: Options): string[] | null {
  for (const options of [optionsOf(task), order]) {
    if ('allowed_sources' in options) return (Array.isArray(options.allowed_sources) ? options.allowed_sources : [options.allowed_sources]).map(textOf);
    if ('gallery_allowed' in options && !truthy(options.gallery_allowed)) return ['mobile_camera', 'share', 'peer'];
  }
  return null;
}

function surveyRequired(task: Task, order: Options): boolean {
  for (const options of [optionsOf(task), order]) if ('survey_required' in options) return truthy(options.survey_required);
  return true;
}

const places = ['before', 'during', 'after'];
const place = (type: string): number => places.indexOf(type) + 1 || places.length + 1;

export function tally(order: Order, known: Known): Tally {
  const options = optionsOf(order);
  const counted = order as unknown as Counted;
  const there = new Map(known.photos.filter((p) => p.work_order_id === order.id && !(p as { deleted?: boolean }).deleted).map((p) => [p.uuid, p]));
  const here = known.items.filter((i) => i.order_id === order.id && !there.has(i.uuid) && i.state !== 'refused' && i.state !== 'lost');
  // What was done before it was sent back is the server's to count.
  const back = Date.parse((order as { rework?: { at?: string } | null }).rework?.at ?? '') || 0;
  const open = known.actions.filter((a) => a.order_id === order.id && (a.state === 'waiting' || (a.state === 'done' && a.done_at + (a.offset_ms ?? 0) >= back)));
  const did = (kind: Action['kind'], task?: string, waiting = false): boolean => open.some((a) => a.kind === kind && (!waiting || a.state === 'waiting') && (task === undefined || a.body.task_id === task));
  const sentBack = new Set(((order as { surveys?: { task_id: string; review?: string | null }[] | null }).surveys ?? []).filter((s) => s.review === 'rejected').map((s) => s.task_id));
  const missing: Missing[] = [];

  const tasks = (order.tasks ?? []).map((task): TaskTally => {
    const wanted = wantedPhotos(task, options);
    const sources = allowedSources(task, options);
    const have = new Map<string, number>(counted.taken ? Object.entries(counted.taken[task.id] ?? {}) : []);
    const add = (type: string): void => void have.set(type, (have.get(type) ?? 0) + 1);
    const mine = [...there.values()].filter((p) => p.task_id === task.id);
    if (!counted.taken) for (const p of mine) if (p.review !== 'rejected') add(p.evidence_type ?? '');
    let all = [...have.values()].reduce((n, one) => n + one, 0);
    let fit = all;
    for (const i of here) {
      if (i.task_id !== task.id || i.evidence_type === 'signature') continue;
      all++;
      if (sources && !sources.includes(i.source)) continue;
      fit++;
      add(i.evidence_type);
    }
    const types = new Set([...Object.keys(wanted).filter((type) => (wanted[type] ?? 0) > 0), ...have.keys()]);
    types.delete('signature');
    const wants = [...types].sort((a, b) => place(a) - place(b) || a.localeCompare(b)).map((evidence) => ({ evidence, want: wanted[evidence] ?? 0, have: have.get(evidence) ?? 0 }));
    const answered = task.kind === 'survey' && ((counted.answered ?? []).includes(task.id) || did('survey', task.id, sentBack.has(task.id)));
    const before = missing.length;
    for (const w of wants) if (w.have < w.want) missing.push({ kind: 'photos', task, ...w });
    if (all > 0 && fit === 0) missing.push({ kind: 'source', task });
    if (task.kind === 'survey' && !answered && surveyRequired(task, options)) missing.push({ kind: 'survey', task });
    return { task, wants, photos: all, rejected: mine.filter((p) => p.review === 'rejected'), answered, lacks: missing.length > before, done: missing.length === before && (all > 0 || answered) };
  });

  const wanted = truthy(options.check_in_required) || (order.tasks ?? []).some((t) => truthy(optionsOf(t).check_in_required));
  const done = (counted.check_ins ?? 0) > 0 || did('check_in');
  if (wanted && !done) missing.push({ kind: 'check_in' });
  return { tasks, missing, checkIn: { wanted, done }, completing: known.actions.some((a) => a.order_id === order.id && a.kind === 'complete' && a.state === 'waiting') };
}

/** How many things are missing, as people count them: each photo is one. */
export function lacks(missing: readonly Missing[]): number {
  return missing.reduce((n, m) => n + (m.kind === 'photos' ? m.want - m.have : 1), 0);
}

/** Where something that is missing is made good. */
export function jump(order: string, m: Missing): string {
  const at = '/orders/' + encodeURIComponent(order);
  switch (m.kind) {
    case 'photos': return `${at}/camera?task=${encodeURIComponent(m.task.id)}&evidence=${encodeURIComponent(m.evidence)}`;
    case 'source': return `${at}/camera?task=${encodeURIComponent(m.task.id)}`;
    case 'survey': return `${at}/survey/${encodeURIComponent(m.task.id)}`;
    case 'check_in': return at + '#check-in';
  }
}
