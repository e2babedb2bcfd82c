// Words of the work on an order that several parts say.
import { m } from '$kit/words/messages';

/** The type of evidence as people say it; one of the account's own as it is written. */
export function evidence(type: string): string {
  const known: Record<string, () => string> = { before: m.field_work_before, during: m.field_work_during, after: m.field_work_after, signature: m.field_work_signature, '': m.field_work_photo };
  return known[type]?.() ?? type;
}
