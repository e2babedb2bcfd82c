// Surveys that somebody began to answer at this desk: each stays in the browser until it is handed in.
import { session } from '$lib/session.svelte';
import { uuid } from '$kit/uuid';
import type { Answers } from '$kit/survey';

/** The uuid is that of the response: whatever is handed in twice is one. */
export type Draft = { uuid: string; answers: Answers; told: boolean };

const place = (order: string, task: string) => `fieldproof-survey-${session.user?.id ?? ''}-${order}-${task}`;

export function draftOf(order: string, task: string): Draft | null {
  return JSON.parse(localStorage.getItem(place(order, task)) ?? 'null') as Draft | null;
}

export function newDraft(answers: Answers): Draft {
  return { uuid: uuid(), answers, told: false };
}

export function keepDraft(order: string, task: string, draft: Draft): void {
  localStorage.setItem(place(order, task), JSON.stringify(draft));
}

export function dropDraft(order: string, task: string): void {
  localStorage.removeItem(place(order, task));
}
