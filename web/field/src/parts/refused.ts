// Why what somebody did could not be done, as far as the phone knows: the same words wherever it is told.
import { m } from '$kit/words/messages';
import type { Action, Order } from '../lib/db';
import { session } from '../lib/session.svelte';

type Answer = { status?: number; code?: string; detail?: string; problem?: { detail?: string; errors?: { field: string; message: string }[] } | null };

export type Why = 'given' | 'cancelled' | 'over' | 'incomplete' | 'number' | 'order' | 'other';

const answerOf = (a: Action): Answer => (a.answer ?? {}) as Answer;

export function whyOf(a: Action, order: Order): Why {
  const answer = answerOf(a);
  if (a.kind === 'create_order') return answer.code === 'number_taken' || answer.problem?.errors?.some((e) => e.field === 'work_order_number') ? 'number' : 'other';
  if (answer.code === 'order_refused') return 'order';
  if (order.gone || answer.status === 404 || answer.status === 403) return 'given';
  if (order.state === 'cancelled') return 'cancelled';
  if (answer.code === 'incomplete' || (answer.problem?.errors?.length && a.kind === 'complete')) return 'incomplete';
  if (['completed', 'approved', 'published', 'closed'].includes(order.state)) return 'over';
  return 'other';
}

/** "This order is not yours any more". */
export function whyWords(a: Action, order: Order): string {
  switch (whyOf(a, order)) {
    case 'given': {
      const heir = !order.gone && order.assignee && order.assignee !== session.who?.user.username ? order.assignee_name || order.assignee : '';
      return heir ? m.field_work_went_to({ who: heir }) : m.field_taken_away();
    }
    case 'cancelled': return m.field_work_was_cancelled();
    case 'over': return m.field_work_was_over();
    case 'incomplete': return m.field_work_was_incomplete();
    case 'number': return m.field_work_number_taken({ number: String(a.body.work_order_number ?? '') });
    case 'order': return m.field_work_order_refused();
    case 'other': return m.field_work_said_no();
  }
}

/** What the office said of it, in its own words. */
export function saidOf(a: Action): string[] {
  const { detail, problem } = answerOf(a);
  return problem?.errors?.length ? problem.errors.map((e) => e.message) : [problem?.detail ?? detail ?? ''].filter(Boolean);
}
