// Spreadsheets as they leave this tab, and what the columns of one can become.
import { api, ok, type Schemas } from '$lib/api';
import { m } from '$kit/words/messages';

export type Import = Schemas['Import'];
export type Row = Schemas['ImportRow'];

/** A CSV file of rows under their headers. */
export function csv(name: string, columns: string[], rows: string[][]): File {
  const cell = (text: string) => (/[",\n\r]|^\s|\s$/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  const lines = [columns, ...rows].map((r) => columns.map((_, i) => cell(r[i] ?? '')).join(','));
  return new File([lines.join('\r\n') + '\r\n'], name, { type: 'text/csv' });
}

/** Cells that were copied from a spreadsheet. */
export function cellsOf(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const c of text.matchAll(/("(?:[^"]|"")*"|[^\t\r\n]*)(\t|\r\n|\n|\r|$)/g)) {
    const raw = c[1] ?? '';
    row.push(raw.startsWith('"') && raw.length > 1 ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (c[2] === '\t') continue;
    if (row.length > 1 || row[0]) rows.push(row);
    row = [];
    if (c[2] === '') break;
  }
  return rows;
}

type Parts = { file: File; mapping?: Record<string, string>; clientCode?: string; dryRun?: boolean };

function form(p: Parts): FormData {
  const f = new FormData();
  if (p.mapping) f.append('mapping', JSON.stringify(p.mapping));
  if (p.clientCode) f.append('client_code', p.clientCode);
  if (p.dryRun) f.append('dry_run', 'true');
  f.append('file', p.file);
  return f;
}

export function preview(p: Parts, signal: AbortSignal): Promise<Schemas['ImportPreview']> {
  return ok(api.POST('/imports/preview', { body: {} as never, bodySerializer: () => form(p), signal }));
}

export function start(p: Parts, signal?: AbortSignal): Promise<Import> {
  return ok(api.POST('/imports', { body: {} as never, bodySerializer: () => form(p), signal }));
}

export function isOver(i: Import): boolean {
  return i.state !== 'pending' && i.state !== 'running';
}

/** Reads an import until it has ended, and shows each answer. */
export async function follow(id: string, show: (i: Import) => void, signal: AbortSignal): Promise<Import> {
  for (let pause = 200; ; pause = Math.min(1500, pause * 1.5)) {
    const i = await ok(api.GET('/imports/{id}', { params: { path: { id } }, signal }));
    show(i);
    if (isOver(i)) return i;
    await new Promise((resolve) => setTimeout(resolve, pause));
    signal.throwIfAborted();
  }
}

/** The rejected rows of an import, a page at a time. */
export async function rejected(id: string, cursor: string | null, signal: AbortSignal): Promise<{ rows: Row[]; next: string | null }> {
  const page = await ok(api.GET('/imports/{id}/rows', { params: { path: { id }, query: { result: ['rejected'], limit: 200, ...(cursor ? { cursor } : {}) } }, signal }));
  return { rows: page.items ?? [], next: page.next_cursor ?? null };
}

/** The column that an error of a row is about; -1 when it is about none of them. */
export function columnOf(field: string, columns: string[], mapping: Record<string, string>): number {
  const plain = field.replace(/^address\./, '').replace(/^source\./, 'source_').replace(/[[.].*$/, '');
  return columns.findIndex((c) => c === field || mapping[c] === field || mapping[c] === plain);
}

export const ignore = 'ignore';

const words: Record<string, () => string> = {
  work_order_number: m.imports_field_number, due_date: m.imports_field_due, due_time: m.imports_field_due_time, start_date: m.imports_field_start, client_due_date: m.imports_field_client_due,
  client_due_time: m.imports_field_client_due_time, address1: m.imports_field_address1, address2: m.imports_field_address2, city: m.imports_field_city, state: m.imports_field_state,
  zip: m.imports_field_zip, country: m.imports_field_country, work_order_info: m.imports_field_info, status: m.imports_field_status, field_status: m.imports_field_field_status,
  client_status: m.imports_field_client_status, tasks: m.imports_field_tasks, assignee: m.imports_field_assignee, client_code: m.imports_field_client, reference: m.imports_field_reference,
  description: m.imports_field_description, source_provider: m.imports_field_source, source_work_order_id: m.imports_field_source_id, source_work_order_number: m.imports_field_source_number,
  options: m.imports_field_options, latitude: m.imports_field_latitude, longitude: m.imports_field_longitude, priority: m.imports_field_priority, instructions: m.imports_field_instructions,
  client_instructions: m.imports_field_client_instructions, publish_to: m.imports_field_publish_to, qa_policy: m.imports_field_qa, attributes: m.imports_field_attributes,
  work_type: m.imports_field_work_type,
};

/** A field as people call it. */
export function wordOf(field: string): string {
  return words[field]?.() ?? (field.startsWith('attributes.') ? m.imports_field_attribute({ name: field.slice(11) }) : field);
}
