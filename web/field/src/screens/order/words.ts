import { m } from '$kit/words/messages';

/** The type of evidence as people say it; one of the account's own as it is written. */
export function evidenceWord(type: string): string {
  const known: Record<string, () => string> = { before: m.field_before, during: m.field_during, after: m.field_after, '': m.field_no_kind };
  return known[type]?.() ?? type;
}
