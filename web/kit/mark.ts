// Every state of look.md, section 3, as one table of shape, word and tone: nobody draws a state by hand.
import CheckCheck from '@lucide/svelte/icons/check-check';
import ChevronsUp from '@lucide/svelte/icons/chevrons-up';
import CircleDashed from '@lucide/svelte/icons/circle-dashed';
import ClockAlert from '@lucide/svelte/icons/clock-alert';
import OctagonX from '@lucide/svelte/icons/octagon-x';
import RefreshCw from '@lucide/svelte/icons/refresh-cw';
import Smartphone from '@lucide/svelte/icons/smartphone';
import Undo2 from '@lucide/svelte/icons/undo-2';
import type { Component } from 'svelte';
import { m } from './words/messages';

export type Tone = 'idle' | 'moving' | 'ask' | 'good' | 'warn' | 'rush' | 'rework' | 'bad';
export type House = 'created' | 'assigned' | 'in_progress' | 'completed' | 'approved' | 'published' | 'cancelled' | 'closed';
export type MarkRow = { tone: Tone; word: () => string; house?: House; icon?: Component };

export const states: Record<House, MarkRow> = {
  created: { tone: 'idle', word: m.state_created, house: 'created' },
  assigned: { tone: 'idle', word: m.state_assigned, house: 'assigned' },
  in_progress: { tone: 'moving', word: m.state_in_progress, house: 'in_progress' },
  completed: { tone: 'ask', word: m.state_completed, house: 'completed' },
  approved: { tone: 'good', word: m.state_approved, house: 'approved' },
  published: { tone: 'good', word: m.state_published, house: 'published' },
  cancelled: { tone: 'idle', word: m.state_cancelled, house: 'cancelled' },
  closed: { tone: 'idle', word: m.state_closed, house: 'closed' },
};

export const marks = {
  ...states,
  rush: { tone: 'rush', word: m.mark_rush, icon: ChevronsUp },
  rework: { tone: 'rework', word: m.mark_rework, icon: Undo2 },
  late: { tone: 'bad', word: () => '', icon: ClockAlert },
  pending: { tone: 'idle', word: m.delivery_pending, icon: CircleDashed },
  retrying: { tone: 'warn', word: m.delivery_retrying, icon: RefreshCw },
  delivered: { tone: 'good', word: m.delivery_delivered, icon: CheckCheck },
  failed: { tone: 'bad', word: m.delivery_failed, icon: OctagonX },
  on_phone: { tone: 'moving', word: () => '', icon: Smartphone },
} satisfies Record<string, MarkRow>;

export type MarkName = keyof typeof marks;
