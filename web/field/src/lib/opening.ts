import type { Read } from '../screens/orders/day.svelte';
import type { Meta } from './db';
import type { Here } from './here.svelte';

/** What the app opened with, until it is drawn: then the database's own queries tell. */
export type Opening = Pick<Partial<Meta>, 'device' | 'ended' | 'session' | 'settings' | 'synced_at'> & { here?: Here; day?: Read };

export const opening: { is: Opening | undefined } = { is: undefined };
