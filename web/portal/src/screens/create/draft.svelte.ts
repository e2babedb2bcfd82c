// The order somebody types: it stays while they look at something else.
const fresh = () => ({
  number: '', workType: '', client: '', address1: '', address2: '', city: '', state: '', zip: '', due: '', dueTime: '', assignee: '', priority: '' as '' | 'normal' | 'rush' | 'rework',
  tasks: [] as string[], instructions: '', info: '', reference: '',
});

export const draft = $state(fresh());

/** Empties it; what orders in a row have in common stays where more are typed. */
export function clear(keep = false): void {
  const { client, workType, assignee, due } = draft;
  Object.assign(draft, fresh(), keep ? { client, workType, assignee, due } : {});
}

export function isEmpty(): boolean {
  return JSON.stringify(draft) === JSON.stringify(fresh());
}
