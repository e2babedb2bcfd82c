// A list below a field that keeps the focus: arrows move in it, Enter takes, and what is chosen stays in sight.

export class Choice<T> {
  at = $state(0);

  /** id is what the ids of the options begin with; options and take are asked when a key is pressed. */
  constructor(
    readonly id: string,
    readonly options: () => readonly T[],
    readonly take: (option: T) => void,
  ) {}

  /** The id of an option's element. */
  of(n: number): string {
    return this.id + '-' + n;
  }

  /** What aria-activedescendant names: nothing when the list is empty. */
  get active(): string | undefined {
    return this.options().length ? this.of(this.at) : undefined;
  }

  readonly pressed = (e: KeyboardEvent): void => {
    const options = this.options();
    const by = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (by) this.at = (this.at + by + options.length) % Math.max(1, options.length);
    else if (e.key === 'Enter' && !e.isComposing) {
      const chosen = options[this.at];
      if (chosen !== undefined) this.take(chosen);
    } else return;
    e.preventDefault();
    document.getElementById(this.of(this.at))?.scrollIntoView({ block: 'nearest' });
  };
}
