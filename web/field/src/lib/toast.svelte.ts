// One line that says what happened, and one thing to do about it.
export type Toast = { id: number; text: string; tone: 'idle' | 'good' | 'bad'; action?: { label: string; act: () => void } };

class ToastList {
  list = $state<Toast[]>([]);
  private next = 0;

  /** Six seconds, twelve with something to do, for ever when it failed. */
  say(text: string, tone: Toast['tone'] = 'idle', action?: Toast['action']): void {
    const id = this.next++;
    this.list = [...this.list, { id, text, tone, ...(action ? { action } : {}) }].slice(-3);
    if (tone !== 'bad') setTimeout(() => this.drop(id), action ? 12_000 : 6000);
  }

  drop(id: number): void {
    this.list = this.list.filter((t) => t.id !== id);
  }
}

export const toast = new ToastList();
