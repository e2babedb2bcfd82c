// Where an item is, in words, and why it was refused and what to do then.
import { m } from '$kit/words/messages';
import type { Tone } from '$kit/mark';
import type { Item } from '$field/lib/db';
import { sameNumber, waitsForOrder } from '$field/queue';

export type Remedy = 'again' | 'as_new' | 'move' | 'none';

export function toneOf(i: Item): Tone {
  return { kept: 'idle', announced: 'moving', sending: 'moving', safe: 'good', refused: 'bad', lost: 'bad' }[i.state] as Tone;
}

export function percentOf(i: Item): number {
  return i.size > 0 ? Math.min(99, Math.floor((i.sent / i.size) * 100)) : 0;
}

export function wordOf(i: Item): string {
  switch (i.state) {
    case 'kept': return waitsForOrder(i) ? m.field_q_hangs() : m.field_q_here();
    case 'announced': return m.field_q_announced();
    case 'sending': return m.field_q_sending_long({ percent: percentOf(i) });
    case 'safe': return m.field_q_safe();
    case 'refused': return m.field_q_refused();
    case 'lost': return m.field_q_lost();
  }
}

export function whyOf(i: Item): { text: string; remedy: Remedy } {
  const code = i.refusal?.code ?? '';
  if (code === 'bytes_gone') return { text: m.field_q_why_gone(), remedy: 'none' };
  if (code === 'damaged') return { text: m.field_q_why_damaged(), remedy: 'as_new' };
  if (sameNumber(code)) return { text: m.field_q_why_bytes(), remedy: 'as_new' };
  if (/^task_id\//.test(code)) return { text: m.field_q_why_task(), remedy: 'move' };
  if (/^work_order_id\/|not_found|forbidden|order_refused/.test(code)) return { text: m.field_q_why_order(), remedy: 'again' };
  return { text: m.field_q_why_other({ why: i.refusal?.detail || code }), remedy: 'again' };
}
