// EXIF and GPS of a photo, by ExifReader: it is kept up, reads HEIC, AVIF and WebP too, and is loaded when first asked for.
import { load } from 'exifreader';

export type Tags = [tag: string, value: string][];
/** So much of a file's beginning holds the EXIF of every JPEG: a segment has at most 64 kB, and few stand before it. */
export const head = 256 * 1024;
const first = ['Make', 'Model', 'LensModel', 'DateTimeOriginal', 'OffsetTimeOriginal', 'ExposureTime', 'FNumber', 'ISOSpeedRatings', 'FocalLength', 'Flash', 'Orientation', 'Software',
  'GPSLatitude', 'GPSLongitude', 'GPSAltitude', 'GPSHPositioningError', 'GPSImgDirection'];
const most = 80;

export async function readTags(file: ArrayBuffer): Promise<Tags> {
  let found: Record<string, unknown>;
  try {
    // No XMP: its parser makes documents of text, which the content security policy keeps for our sanitiser.
    found = load(file, { includeTags: { exif: true } }) as never;
  } catch {
    return []; // no EXIF, or none that can be read
  }
  const tags: Tags = [];
  for (const [tag, value] of Object.entries(found)) {
    const text = String((value as { description?: unknown } | null)?.description ?? '').trim();
    if (text && !/IFD Pointer|^JPEGInterchange|Thumbnail|Padding|MakerNote|OffsetSchema/.test(tag)) tags.push([tag, text.length > 300 ? text.slice(0, 300) + '…' : text]);
  }
  const place = (tag: string) => (first.includes(tag) ? first.indexOf(tag) : first.length);
  return tags.sort((a, b) => place(a[0]) - place(b[0]) || a[0].localeCompare(b[0])).slice(0, most);
}
