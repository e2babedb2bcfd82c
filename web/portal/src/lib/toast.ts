// What is said at the bottom right: one line and one action; what failed stays.
import { toast as sonner } from 'svelte-sonner';

type Action = { label: string; act: () => void };
const button = (a?: Action) => (a ? { action: { label: a.label, onClick: a.act } } : {});

export const toast = {
  say: (text: string, action?: Action) => void sonner(text, { duration: 6000, ...button(action) }),
  /** With an action to take it back: twelve seconds. */
  done: (text: string, action?: Action) => void sonner.success(text, { duration: action ? 12_000 : 6000, ...button(action) }),
  /** For ever: somebody must have seen it. */
  failed: (text: string, action?: Action) => void sonner.error(text, { duration: Infinity, ...button(action) }),
};
