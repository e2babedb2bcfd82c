// What a row may show: the columns, how wide they are, and by what each is sorted. Choice, sequence and width belong to the view.
import { m } from '$kit/words/messages';

export type Column = { name: string; word: () => string; width: number; sort?: string; right?: boolean };

export const columns: Column[] = [
  { name: 'state', word: m.orders_col_state, width: 6.75, sort: 'state' },
  { name: 'number', word: m.orders_col_number, width: 8, sort: 'number' },
  { name: 'address', word: m.orders_col_address, width: 10.5, sort: 'city' },
  { name: 'client', word: m.orders_col_client, width: 6.75, sort: 'client_code' },
  { name: 'assignee', word: m.orders_col_assignee, width: 8, sort: 'assignee' },
  { name: 'due', word: m.orders_col_due, width: 11.25, sort: 'due' },
  { name: 'tasks', word: m.orders_col_tasks, width: 4, right: true },
  { name: 'photos', word: m.orders_col_photos, width: 9.25 },
  { name: 'delivery', word: m.orders_col_delivery, width: 7.25 },
  { name: 'published', word: m.orders_col_published, width: 9 },
  { name: 'priority', word: m.orders_col_priority, width: 7, sort: 'priority' },
  { name: 'type', word: m.orders_col_type, width: 9 },
  { name: 'reference', word: m.orders_col_reference, width: 9 },
  { name: 'completed', word: m.orders_col_completed, width: 9, sort: 'completed' },
  { name: 'invoiced', word: m.orders_col_invoiced, width: 6 },
  { name: 'arrived', word: m.orders_col_arrived, width: 9, sort: 'arrived' },
  { name: 'updated', word: m.orders_col_updated, width: 9, sort: 'updated' },
];
const usual = ['state', 'number', 'address', 'client', 'assignee', 'due', 'tasks', 'photos', 'delivery'];
const narrow = ['state', 'number', 'address', 'assignee', 'due', 'photos', 'delivery'];

/** A chosen column; those without a width of their own share what is left, where they grow. */
export type Chosen = Column & { own?: number };
/** What has names of any length, and its share of what is left. */
const grows: Record<string, string> = { address: '1fr', client: '.6fr', assignee: '.6fr' };

const byName = new Map(columns.map((c) => [c.name, c]));

/** Reads columns as views keep them: a name, and after a colon its width in tenths of the text's size. */
export function readColumns(kept: string[]): Chosen[] {
  return kept.flatMap((text) => {
    const [name = '', width] = text.split(':');
    const c = byName.get(name);
    return c ? [{ ...c, ...(Number(width) > 0 ? { own: Number(width) / 10 } : {}) }] : [];
  });
}

export const writeColumns = (chosen: Chosen[]): string[] => chosen.map((c) => c.name + (c.own ? ':' + Math.round(c.own * 10) : ''));

export const usualColumns = (isNarrow: boolean): Chosen[] => readColumns(isNarrow ? narrow : usual);

export const widthOf = (c: Chosen): number => c.own ?? c.width;

/** The grid's template: the check, then the columns. */
export function template(chosen: Chosen[], checks: boolean): string {
  const share = (c: Chosen): string | undefined => (c.own ? undefined : grows[c.name]);
  const some = chosen.some(share);
  return (checks ? '3rem ' : '') + chosen.map((c, i) => {
    const left = some ? share(c) : i === chosen.length - 1 ? '1fr' : undefined;
    return left ? `minmax(${widthOf(c)}rem, ${left})` : `${widthOf(c)}rem`;
  }).join(' ');
}

const stored = 'fieldproof-columns';
export const keptColumns = (): Chosen[] => readColumns(JSON.parse(localStorage.getItem(stored) ?? '[]') as string[]);
export function keepColumns(chosen: Chosen[] | null): void {
  if (chosen) localStorage.setItem(stored, JSON.stringify(writeColumns(chosen)));
  else localStorage.removeItem(stored);
}
