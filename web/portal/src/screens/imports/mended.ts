// What somebody mended of rejected rows: it goes with them from the trial to the import, and outlives a reload of the tab.
export type Mended = Record<number, string[]>; // row → its cells

const key = (id: string) => 'fieldproof-mended-' + id;

export function keepMended(id: string, rows: Mended): void {
  sessionStorage.setItem(key(id), JSON.stringify(rows));
}

export function mendedOf(id: string): Mended {
  return JSON.parse(sessionStorage.getItem(key(id)) ?? '{}') as Mended;
}

const done = 'fieldproof-imports-mended';
const all = (): string[] => JSON.parse(localStorage.getItem(done) ?? '[]') as string[];

/** Whether the rejected rows of an import were sent again from this browser: nobody is asked to mend them any more. */
export function isMended(id: string): boolean {
  return all().includes(id);
}

export function setMended(id: string): void {
  localStorage.setItem(done, JSON.stringify([...all().filter((i) => i !== id), id].slice(-200)));
  sessionStorage.removeItem(key(id));
}
