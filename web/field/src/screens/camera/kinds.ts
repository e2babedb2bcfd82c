import { m } from '$kit/words/messages';

/** An evidence type as people say it; an account's own word as it is. */
export function kindWord(type: string): string {
  const known: Record<string, () => string> = { before: m.field_cam_before, during: m.field_cam_during, after: m.field_cam_after };
  return known[type]?.() ?? type;
}

/** The evidence types of a task, those that everybody has first. */
export function kindsOf(wanted: Iterable<string>, chosen = ''): string[] {
  const own = [...wanted, chosen].filter((t) => t && t !== 'signature');
  return [...new Set(['before', 'during', 'after', ...own])];
}
