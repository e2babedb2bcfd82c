// The way out: all that is unsent as files of at most 40 MB, each whole in itself, which the portal takes. Format: docs/field.md.
import { downloadZip } from 'client-zip';
import { db, type Action, type Item } from '../lib/db';

export const fileAtMost = 40_000_000;
/** What a manifest and the archive's own records take of it for an item. */
const about = 2000;
/** How many items the office takes in one file. */
const itemsAtMost = 900;

const unsent = ['kept', 'announced', 'sending', 'refused'] as const;

export type Manifest = {
  version: 1;
  device: string;
  /** Whoever took it all. */
  owner: { id: string; username: string };
  made_at: string;
  part: number;
  parts: number;
  items: (Omit<Partial<Item>, 'task_id'> & { task_id: string | null; path: string })[];
  actions: Partial<Action>[];
};

/** Shares items out over files: each file as full as it may be, an item of its own size alone if it must. */
export function shared<T extends { size: number }>(items: T[], most = fileAtMost): T[][] {
  const files: T[][] = [];
  let room = -1;
  for (const i of items) {
    if (i.size + about > room || files.at(-1)?.length === itemsAtMost) {
      files.push([]);
      room = most - about;
    }
    files.at(-1)!.push(i);
    room -= i.size + about;
  }
  return files;
}

/** The unsent photos of a person, by file. Bytes are read one at a time, when the file is made. */
export async function parts(owner: string): Promise<Item[][]> {
  const items = await db.items.where('[owner+state]').anyOf(unsent.map((s) => [owner, s])).toArray();
  return shared(items.sort((a, b) => a.created_at - b.created_at));
}

/** One rescue file. */
export async function fileOf(owner: { id: string; username: string }, device: string, items: Item[], part: number, of: number): Promise<File> {
  const actions = part === 1 ? await db.actions.where('owner').equals(owner.id).filter((a) => a.state !== 'done').sortBy('seq') : [];
  const made = new Date();
  const manifest: Manifest = {
    version: 1, device, owner, made_at: made.toISOString(), part, parts: of,
    items: items.map((i) => ({
      uuid: i.uuid, order_id: i.order_id, task_id: i.task_id || null, ...(i.task_name ? { task_name: i.task_name } : {}), evidence_type: i.evidence_type, ...(i.shot ? { shot: i.shot } : {}),
      taken_at: i.taken_at, zone: i.zone, offset_ms: i.offset_ms, ...(i.latitude === undefined ? {} : { latitude: i.latitude, longitude: i.longitude, accuracy: i.accuracy, position_at: i.position_at }),
      position_state: i.position_state, source: i.source, notes: i.notes, sha256: i.sha256, size: i.size, width: i.width, height: i.height,
      state: i.state, ...(i.announced_at ? { announced_at: i.announced_at } : {}), path: pathOf(i),
    })),
    actions: actions.map((a) => ({ key: a.key, order_id: a.order_id, kind: a.kind, body: a.body, done_at: a.done_at, offset_ms: a.offset_ms, state: a.state })),
  };
  async function* files() {
    yield { name: 'manifest.json', lastModified: made, input: JSON.stringify(manifest, null, 1) };
    for (const i of items) {
      const bytes = await db.bytes.get(i.uuid);
      if (bytes) yield { name: pathOf(i), lastModified: new Date(i.taken_at), input: bytes.data };
    }
  }
  const blob = await downloadZip(files()).blob();
  const day = made.toISOString().slice(0, 16).replace('T', '-').replace(':', '');
  return new File([blob], `fieldproof-${owner.username || 'rescue'}-${day}${of > 1 ? `-${part}of${of}` : ''}.zip`, { type: 'application/zip' });
}

function pathOf(i: Item): string {
  return 'photos/' + i.uuid + (i.extension ?? '.jpg');
}
