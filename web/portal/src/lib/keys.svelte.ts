// The portal's keys: each screen says which it knows; people change them or switch them off (WCAG 2.1.4).
import { onDestroy } from 'svelte';

export type Key = {
  /** A stable name, by which people's own keys are kept: "approve". The same name wherever it means the same. */
  name: string;
  /** As look.md writes it: "A", "⇧A", "Mod+K", "G H", "1", "Home", ".". */
  key: string;
  label: string;
  act: (e: KeyboardEvent) => void;
  /** Not shown where it can't be done just now, and not taken. */
  when?: () => boolean;
};

type Own = Record<string, string>; // name → key; "" is off

const stored = 'fieldproof-keys';

class Keys {
  // No state of its own: a screen that leaves would read what stood before the next one came (Svelte gives old values to
  // whoever tidies up), and take that one's keys away with its own.
  #groups: { title: string; keys: Key[] }[] = [];
  #changes = $state(0);
  own = $state<Own>(JSON.parse(localStorage.getItem(stored) ?? '{}') as Own);
  #first = '';
  #firstAt = 0;

  constructor() {
    window.addEventListener('keydown', (e) => this.#pressed(e));
  }

  /** Registers a screen's keys for as long as its component lives; later groups win over earlier ones. */
  use(title: () => string, keys: Key[]): void {
    const group = { get title() { return title(); }, keys };
    this.#groups = [...this.#groups, group];
    this.#changes++;
    onDestroy(() => {
      this.#groups = this.#groups.filter((g) => g !== group);
      this.#changes++;
    });
  }

  get groups(): { title: string; keys: Key[] }[] {
    void this.#changes;
    return this.#groups;
  }

  /** The key of an action as this user has it; "" when it is off. */
  of(k: Pick<Key, 'name' | 'key'>): string {
    return this.own[k.name] ?? k.key;
  }

  /** Gives an action another key, "" for none. Answers the label of whoever has it already, and changes nothing then. */
  change(k: Key, key: string): string | null {
    for (const other of this.#groups.flatMap((g) => g.keys))
      if (key && other.name !== k.name && this.of(other) === key) return other.label;
    this.own = { ...this.own, [k.name]: key };
    localStorage.setItem(stored, JSON.stringify(this.own));
    return null;
  }

  reset(): void {
    this.own = {};
    localStorage.removeItem(stored);
  }

  #pressed(e: KeyboardEvent): void {
    if (e.defaultPrevented || e.isComposing || e.altKey) return;
    const pressed = keyName(e);
    const typing = isTyping(e.target);
    const modified = pressed.startsWith('Mod+');
    // Single keys rest while a text field has the focus; Escape leaves it.
    if (typing && !modified && pressed !== 'Esc') return;
    if (document.querySelector('[role="dialog"][data-state="open"], [role="alertdialog"][data-state="open"]') && !modified) return;
    const two = Date.now() - this.#firstAt < 1200 && this.#first ? this.#first + ' ' + pressed : '';
    for (const g of this.#groups.toReversed())
      for (const k of g.keys) {
        const key = this.of(k);
        if (!key || (key !== pressed && key !== two) || k.when?.() === false) continue;
        e.preventDefault();
        this.#first = '';
        k.act(e);
        return;
      }
    this.#first = /^[A-Z]$/.test(pressed) ? pressed : '';
    this.#firstAt = Date.now();
  }
}

/** The name of the key that was pressed, as [Key.key] writes it. */
export function keyName(e: KeyboardEvent): string {
  const names: Record<string, string> = { Escape: 'Esc', ' ': 'Space', ArrowDown: '↓', ArrowUp: '↑', ArrowLeft: '←', ArrowRight: '→', PageUp: 'PgUp', PageDown: 'PgDn' };
  const letter = /^\p{L}$/u.test(e.key);
  const key = names[e.key] ?? (letter ? e.key.toUpperCase() : e.key);
  const shift = e.shiftKey && (letter || key.length > 1) ? '⇧' : '';
  return (e.ctrlKey || e.metaKey ? 'Mod+' : '') + shift + key;
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=file])'));
}

/** A key as this machine's keyboard shows it. */
export function shown(key: string): string {
  return key.replace('Mod+', /mac|iphone|ipad/i.test(navigator.userAgent) ? '⌘' : 'Ctrl ');
}

export const keys = new Keys();
