// What changed of an order since its person looked at it last: the fields that they work by, and the tasks.
import type { Order } from './db';

export type Field = 'address' | 'due' | 'start' | 'priority' | 'instructions' | 'codes' | 'client' | 'assignee' | 'tasks' | 'state';
/** What is remembered of an order as it was seen. */
export type Seen = { version: number; is: Record<Field, string>; tasks: Record<string, string> };
export type Change = { field: Exclude<Field, 'tasks'>; was: string; is: string } | { field: 'task_new' | 'task_gone' | 'task_changed'; task: string };

const ended = ['cancelled', 'closed'];

/** The order as it is seen now. */
export function seen(o: Order): Seen {
  const a = o.address;
  return {
    version: o.version,
    is: {
      address: [a?.address1, a?.address2, a?.city, a?.state, a?.zip].filter(Boolean).join(', '),
      due: [o.due_date, o.due_time].filter(Boolean).join(' '), start: o.start_date ?? '', priority: o.priority ?? '', instructions: o.instructions ?? '',
      codes: o.work_order_info ?? '', client: [o.client_status, o.client_due_date, o.client_instructions].filter(Boolean).join(' '),
      assignee: o.assigned_to_all ? '~all~' : (o.assignee ?? ''), tasks: '', state: ended.includes(o.state) ? o.state : '',
    },
    tasks: Object.fromEntries((o.tasks ?? []).map((t) => [t.id, JSON.stringify([t.name, t.instructions, t.required_photos, t.options])])),
  };
}

/** The changes since then, the gravest first; none when it was never seen. That it came back for rework the order says itself. */
export function changes(before: Seen | undefined, o: Order): Change[] {
  if (!before) return [];
  const now = seen(o);
  const found: Change[] = [];
  for (const field of ['state', 'address', 'priority', 'due', 'start', 'codes', 'instructions', 'client', 'assignee'] as const)
    if ((before.is[field] ?? '') !== now.is[field] && now.is[field] !== 'rework') found.push({ field, was: before.is[field] ?? '', is: now.is[field] });
  const name = (text: string | undefined): string => (JSON.parse(text ?? '[""]') as string[])[0] ?? '';
  for (const [id, text] of Object.entries(now.tasks)) {
    const was = before.tasks[id];
    // A task that was added on this phone had an id of ours when it was seen.
    if (was === undefined && !Object.entries(before.tasks).some(([old, t]) => old.includes('-') && name(t) === name(text))) found.push({ field: 'task_new', task: name(text) });
    else if (was !== undefined && was !== text) found.push({ field: 'task_changed', task: name(text) });
  }
  for (const [id, text] of Object.entries(before.tasks))
    if (!(id in now.tasks) && !Object.values(now.tasks).some((t) => name(t) === name(text))) found.push({ field: 'task_gone', task: name(text) });
  return found;
}
