// What people are called by their usernames, and clients by their codes, as far as answers told: addresses and filters name
// usernames and codes alone.
class Names {
  #names = $state<Record<string, string>>({});

  learn(names: Record<string, string> | undefined): void {
    for (const [word, name] of Object.entries(names ?? {})) if (word && name && this.#names[word] !== name) this.#names[word] = name;
  }

  /** The name, or the word itself where no answer told one. */
  called(word: string): string {
    return this.#names[word] ?? word;
  }

  knows(word: string): boolean {
    return this.#names[word] !== undefined;
  }
}

export const people = new Names();
export const clients = new Names();
