// The portal's keys: each screen says which it knows; people change them or switch them off (WCAG 2.1.4).
import { onDestroy } from 'svelte';
import { api, ok, wordsOf } from './api';
import { toast } from './toast';

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

class Keys {
  // No state of its own: a screen that leaves would read what stood before the next one came (Svelte gives old values to
  // whoever tidies up), and take that one's keys away with its own.
  #groups: { title: string; keys: Key[] }[] = [];
  #changes = $state(0);
  own = $state.raw<Own>({});
  #first = '';
  #firstAt = 0;

  constructor() {
    window.addEventListener('keydown', (e) => this.#pressed(e));
  }

  /** Each user has keys of their own, at whatever machine they sit. */
  belongTo(own: Own): void {
    this.own = own;
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

  /** The key of an action as this user has it; "" when it is off, or when they gave its usual key to another action that is here. */
  of(k: Pick<Key, 'name' | 'key'>): string {
    const own = this.own[k.name];
    if (own !== undefined) return own;
    const taken = Object.entries(this.own).some(([name, key]) => key !== '' && collide(key, k.key) && name !== k.name && this.groups.some((g) => g.keys.some((o) => o.name === name)));
    return taken ? '' : k.key;
  }

  /** Does what an action's key does. */
  press(name: string): void {
    for (const g of this.#groups.toReversed())
      for (const k of g.keys) if (k.name === name && k.when?.() !== false) return k.act(new KeyboardEvent('keydown'));
  }

  /** Gives an action another key, "" for none. Answers the label of whoever has it already, and changes nothing then. */
  change(k: Key, key: string): string | null {
    for (const other of this.#groups.flatMap((g) => g.keys))
      if (key && other.name !== k.name && collide(this.of(other), key)) return other.label;
    this.#keep({ ...this.own, [k.name]: key }, { [k.name]: key });
    return null;
  }

  reset(): void {
    this.#keep({}, Object.fromEntries(Object.keys(this.own).map((name) => [name, null])));
  }

  /** They work at once; when they can't be kept, those of before do again. */
  #keep(own: Own, changed: Record<string, string | null>): void {
    const before = this.own;
    this.own = own;
    ok(api.PATCH('/sessions/current', { body: { keys: changed } as never })).catch((e: unknown) => {
      this.own = before;
      toast.failed(wordsOf(e));
    });
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

/** Two keys that can't both work: the same, or one that begins the other ("G" and "G H"). */
const collide = (a: string, b: string) => a === b || a.startsWith(b + ' ') || b.startsWith(a + ' ');

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
