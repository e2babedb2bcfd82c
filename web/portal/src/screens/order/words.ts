// How the words of the domain are said on the order's screens.
import { day } from '$kit/format';
import { m } from '$kit/words/messages';

export { many } from '$kit/format';

/** The type of evidence as people say it; one of the account's own as it is written. */
export function evidence(type: string): string {
  const known: Record<string, () => string> = { before: m.order_before, during: m.order_during, after: m.order_after, signature: m.order_signature, '': m.order_no_evidence };
  return known[type]?.() ?? type;
}

/** The name of a field of an order. */
export function fieldName(field: string): string {
  const [first = '', rest] = field.split(/\.(.*)/s);
  const known: Record<string, () => string> = {
    address: m.order_f_address, attributes: m.order_f_attributes, client_code: m.order_f_client, client_due_date: m.order_f_client_due, client_due_time: m.order_f_client_due_time,
    client_instructions: m.order_f_client_instructions, client_status: m.order_f_client_status, description: m.order_f_description, due_date: m.order_f_due,
    due_time: m.order_f_due_time, instructions: m.order_f_instructions, invoiced: m.order_f_invoiced, key_photos: m.order_f_key_photos, options: m.order_f_options, priority: m.order_f_priority,
    publish_to: m.order_f_publish_to, qa_policy: m.order_f_review, reference: m.order_f_reference, start_date: m.order_f_start, tasks: m.order_f_tasks,
    work_order_info: m.order_f_access, work_order_number: m.order_f_number, latitude: m.order_f_latitude, longitude: m.order_f_longitude,
    'address1': m.order_f_address1, 'address2': m.order_f_address2, city: m.order_f_city, state: m.order_f_region, zip: m.order_f_zip, country: m.order_f_country,
  };
  const word = known[first]?.() ?? first;
  if (!rest) return word;
  return first === 'address' ? (known[rest]?.() ?? rest) : word + ' ' + rest;
}

const valueWords: Record<string, Record<string, () => string>> = {
  priority: { normal: m.order_normal, rush: m.mark_rush, rework: m.mark_rework },
  qa_policy: { office_review: m.order_office_review, auto_publish: m.order_auto_publish, auto_relay: m.order_auto_relay },
  publish_to: { none: m.order_to_none, storage: m.order_to_storage, client: m.order_to_client, both: m.order_to_both },
};

export function choices(field: string): [string, string][] {
  return Object.entries(valueWords[field] ?? {}).map(([value, word]) => [value, word()]);
}

/** A field's value as people read it. */
export function valueOf(field: string, value: unknown): string {
  if (value === null || value === undefined || value === '') return m.order_nothing();
  if (value === true) return m.order_yes();
  if (value === false) return m.order_no();
  if (typeof value === 'string') return valueWords[field]?.[value]?.() ?? (/^\d{4}-\d\d-\d\d$/.test(value) ? day(value) : value);
  if (typeof value === 'number') return String(value);
  return JSON.stringify(value);
}
