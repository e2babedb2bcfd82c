// What was dropped or chosen, folders and all, and where it belongs by the names of its folders: as backups name them, a
// folder for the task and one for what it shows.
import { evidence } from './words';

/** A file with the names of the folders that it lay in, the outermost first. */
export type Found = { file: File; path: string[] };

/** The files of a drop. Its entries must be asked for while the event is handled; folders are read behind it. */
export function dropped(data: DataTransfer | null): Promise<Found[]> {
  const entries = [...(data?.items ?? [])].filter((i) => i.kind === 'file').map((i) => i.webkitGetAsEntry());
  const plain = loose(data?.files ?? null);
  if (!entries.some((e) => e?.isDirectory)) return Promise.resolve(plain);
  return Promise.all(entries.map((e) => (e ? walk(e, []) : []))).then((all) => all.flat());
}

/** Files that were chosen or pasted: one by one, or a whole folder. */
export function loose(files: Iterable<File> | ArrayLike<File> | null): Found[] {
  return Array.from(files ?? [], (file) => ({ file, path: file.webkitRelativePath.split('/').slice(0, -1) }));
}

async function walk(entry: FileSystemEntry, path: string[]): Promise<Found[]> {
  if (entry.isFile) return [{ file: await new Promise<File>((take, fail) => (entry as FileSystemFileEntry).file(take, fail)), path }];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const within: Found[] = [];
  for (;;) {
    // A reader gives a hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((take, fail) => reader.readEntries(take, fail));
    if (!some.length) return within;
    for (const e of some) within.push(...(await walk(e, [...path, entry.name])));
  }
}

/** Of a folder only what can be a photo is taken: beside them lie lists, thumbnails and what systems hide. */
export function photosAmong(found: Found[]): Found[] {
  return found.filter(({ file, path }) => !path.length || (!file.name.startsWith('.') && (file.type.startsWith('image/') || /\.(jpe?g|png|heic|heif|webp|avif|tiff?|gif|bmp)$/i.test(file.name))));
}

/** Names as folders bear them: what a file system might not take became an underscore. */
const plainly = (name: string) => name.normalize('NFC').toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '_').trim();

/** The task and the type of evidence that a file's folders name, the innermost first; "" where they name none. */
export function placeOf(path: string[], tasks: { id: string; name: string }[], types: string[]): { task: string; evidence: string } {
  const names = path.map(plainly).reverse();
  const task = names.map((n) => tasks.find((t) => plainly(t.name) === n)?.id).find(Boolean) ?? '';
  const type = names.map((n) => types.find((t) => plainly(t) === n || plainly(evidence(t)) === n)).find(Boolean) ?? '';
  return { task, evidence: type };
}
