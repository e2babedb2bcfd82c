// How the list says what it knows of an order.
import { day } from '$kit/format';
import { m } from '$kit/words/messages';
import type { Order } from '$field/lib/db';
import { lateness, type Group, type Moment } from './list';

export const groupWords: Record<Group, () => string> = {
  rework: m.field_group_rework, rush: m.field_group_rush, assigned: m.field_group_assigned, complete: m.field_group_complete, upcoming: m.field_group_upcoming,
};

/** "2 days late", "3 hours late". */
export function lateWords(late: { days: number; hours: number }): string {
  return late.days > 0 ? m.field_late_days({ count: late.days }) : m.field_late_hours({ count: late.hours });
}

/** "Today, 17:00". */
export function dueWords(o: Order): string {
  if (!o.due_date) return '';
  return day(o.due_date) + (o.due_time ? ', ' + o.due_time : '');
}

export function numberOf(o: Order): string {
  return o.client_code ? o.client_code + '::' + o.work_order_number : o.work_order_number;
}

export const isLate = (o: Order, now: Moment): boolean => lateness(o, now) !== null;
