// When the server was last asked what changed.
import { db } from './db';
import { shared } from './live.svelte';
import { opening } from './opening';

export const synced = shared(() => () => db.get('synced_at'), undefined, () => opening.is && { value: opening.is.synced_at });
