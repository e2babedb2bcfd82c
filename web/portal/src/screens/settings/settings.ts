// Settings of integrations and destinations between the API's nested shape and a form's flat one.
type Nested = Record<string, unknown>;

const lists = new Set(['to', 'events']);
const numbers = new Set(['every_minutes']);
const switches = new Set(['save_metadata', 'no_report', 'archive', 'include_file']);
/** Whether a setting is a matter of yes and no. */
export const isSwitch = (name: string) => switches.has(name);

export function flat(names: readonly string[], settings: Nested): Record<string, string> {
  const get = (name: string) => (name.startsWith('options.') ? (settings.options as Nested | undefined)?.[name.slice(8)] : settings[name]);
  return Object.fromEntries(names.map((n) => [n, Array.isArray(get(n)) ? (get(n) as string[]).join(', ') : String(get(n) ?? '')]));
}

/** What a form says, without what it left as it was before. */
export function nested(values: Record<string, string>, before: Record<string, string> = {}): Nested {
  const out: Nested = {};
  for (const [name, text] of Object.entries(values)) {
    if (text === (before[name] ?? '')) continue;
    const value = lists.has(name) ? text.split(/[,\s]+/).filter(Boolean) : numbers.has(name) ? Number(text) : switches.has(name) ? text === 'true' : text;
    if (name.startsWith('options.')) out.options = { ...(out.options as Nested), [name.slice(8)]: value };
    else out[name] = value;
  }
  return out;
}
