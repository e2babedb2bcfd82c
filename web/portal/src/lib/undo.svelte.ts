// The last fifty steps of this tab that have an inverse, taken back by one key also after their toast has gone.
import { toast } from './toast';
import { wordsOf } from './api';
import { m } from '$kit/words/messages';

export type Step = { label: string; undo: () => Promise<unknown>; redo: () => Promise<unknown> };

class Undo {
  done = $state<Step[]>([]);
  undone = $state<Step[]>([]);
  #busy = Promise.resolve();

  /**
   * Notes a step once its answer is there: the screen may show it earlier, by the stream, and who takes it back then waits for
   * it; the step before would go back in its place.
   */
  take<T>(answer: Promise<T>, step: Step | ((answer: T) => Step)): Promise<T> {
    const taken = answer.then((a) => {
      this.push(typeof step === 'function' ? step(a) : step);
      return a;
    });
    const busy = this.#busy;
    this.#busy = taken.then(() => busy, () => busy);
    return taken;
  }

  /** Notes a step that was just taken, and offers to take it back. */
  push(step: Step, quiet = false): void {
    this.done = [...this.done.slice(-49), step];
    this.undone = [];
    if (!quiet) toast.done(step.label, { label: m.undo(), act: () => void this.undo() });
  }

  undo(): Promise<void> {
    return this.#turn('done', 'undone', (s) => s.undo(), (s) => m.undone({ what: s.label }));
  }

  redo(): Promise<void> {
    return this.#turn('undone', 'done', (s) => s.redo(), (s) => s.label);
  }

  // One at a time, so that two quick presses take back two steps and not one twice.
  #turn(from: 'done' | 'undone', to: 'done' | 'undone', act: (s: Step) => Promise<unknown>, says: (s: Step) => string): Promise<void> {
    return (this.#busy = this.#busy.then(async () => {
      const step = this[from].at(-1);
      if (!step) return toast.say(from === 'done' ? m.nothing_to_undo() : m.nothing_to_redo());
      this[from] = this[from].slice(0, -1);
      try {
        await act(step);
        this[to] = [...this[to], step];
        toast.say(says(step));
      } catch (e) {
        toast.failed(wordsOf(e));
      }
    }));
  }
}

export const undo = new Undo();
