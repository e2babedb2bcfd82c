// What people are called by their usernames, as far as answers told: addresses and filters name usernames alone.
class People {
  #names = $state<Record<string, string>>({});

  learn(names: Record<string, string> | undefined): void {
    for (const [username, name] of Object.entries(names ?? {})) if (username && name && this.#names[username] !== name) this.#names[username] = name;
  }

  called(username: string): string {
    return this.#names[username] ?? username;
  }
}

export const people = new People();
