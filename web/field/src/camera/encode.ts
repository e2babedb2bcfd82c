// A frame, or a file that came, becomes the bytes that are kept: a JPEG of the account's size, its EXIF in it, its hash, and a
// small picture for lists. It runs in a worker where there is an OffscreenCanvas, else in the page.
import type { Frame } from './capture';
import { exifOf, isJPEG, withBlock, withExif, type Says } from './exif';
import { sha256 } from './hash';

/** What is to be made: of a frame, or of a file's bytes. */
export type Job = { id: number; frame?: Frame; file?: ArrayBuffer; most: number; says: Omit<Says, 'width' | 'height' | 'orientation'> };
export type Made = { id: number; bytes: ArrayBuffer; sha256: string; width: number; height: number; thumb?: ArrayBuffer; extension?: string };
export type Failed = { id: number; failed: string };

const quality = 0.88;
const thumbAtMost = 320;

type Canvas = OffscreenCanvas | HTMLCanvasElement;

function canvas(width: number, height: number): Canvas {
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

/** A canvas holds a whole picture until somebody collects it. */
function letGo(c: Canvas): void {
  c.width = c.height = 0;
}

async function jpegOf(c: Canvas, q: number): Promise<ArrayBuffer> {
  const blob = 'convertToBlob' in c ? await c.convertToBlob({ type: 'image/jpeg', quality: q }) : await new Promise<Blob | null>((r) => c.toBlob(r, 'image/jpeg', q));
  letGo(c);
  if (!blob) throw new Error('the picture could not be encoded');
  return blob.arrayBuffer();
}

/** A picture upright and whole, to be drawn from. */
type Picture = ImageBitmap | Canvas;

function contextOf(c: Canvas): CanvasRenderingContext2D {
  const context = c.getContext('2d') as CanvasRenderingContext2D | null;
  if (!context) throw new Error('there is no canvas to draw on');
  return context;
}

/** A picture in the size in which it is kept. A browser keeps what it makes smaller to draw it, so it is made smaller before. */
async function drawn(picture: Picture, most: number): Promise<{ c: Canvas; width: number; height: number }> {
  const scale = most > 0 ? Math.min(1, most / Math.max(picture.width, picture.height)) : 1;
  const width = Math.max(1, Math.round(picture.width * scale)), height = Math.max(1, Math.round(picture.height * scale));
  if (scale === 1 && !(picture instanceof ImageBitmap)) return { c: picture, width, height };
  const c = canvas(width, height);
  const context = contextOf(c);
  context.imageSmoothingQuality = 'high'; // older browsers don't make it smaller before
  const small = scale === 1 ? picture : await createImageBitmap(picture, { resizeWidth: width, resizeHeight: height, resizeQuality: 'high' }).catch(() => picture);
  context.drawImage(small, 0, 0, width, height);
  if (small !== picture && small instanceof ImageBitmap) small.close();
  return { c, width, height };
}

type Points = { buffer: ArrayBuffer; width: number; height: number };

/** Gives the memory of a buffer back at once: one that is only forgotten lies there until somebody collects it. */
function giveBack(buffer: ArrayBuffer): void {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  port1.postMessage(null, [buffer]);
  port1.close();
}

/**
 * A frame's points. A browser keeps what it decodes to draw it, and a frame of a video is drawn once, so it goes by way of
 * memory; the camera has its own back at once, before anything is encoded.
 */
async function pointsOf(frame: VideoFrame): Promise<Points> {
  const { displayWidth: width, displayHeight: height } = frame;
  const buffer = new ArrayBuffer(width * height * 4);
  try {
    await frame.copyTo(buffer, { format: 'RGBA' });
  } finally {
    frame.close();
  }
  return { buffer, width, height };
}

function canvasOf({ buffer, width, height }: Points): Canvas {
  const c = canvas(width, height);
  contextOf(c).putImageData(new ImageData(new Uint8ClampedArray(buffer), width, height), 0, 0);
  giveBack(buffer);
  return c;
}

let turn: Promise<unknown> = Promise.resolve();

/** Makes one after the other: several at once would be no sooner ready, and hold a canvas each. */
export function make(job: Job): Promise<Made> {
  const points = job.frame && !(job.frame instanceof ImageBitmap) ? pointsOf(job.frame) : undefined;
  const made = turn.then(async () => encoded(job, await points));
  turn = Promise.allSettled([made, points]);
  return made;
}

async function encoded(job: Job, points?: Points): Promise<Made> {
  let picture: Picture | undefined;
  const came = job.file ? new Uint8Array(job.file) : null;
  try {
    if (points) picture = canvasOf(points);
    else if (job.frame instanceof ImageBitmap) picture = job.frame;
    else if (came) {
      try {
        const blob = new Blob([came]);
        picture = await createImageBitmap(blob, { imageOrientation: 'from-image' }).catch(() => createImageBitmap(blob)); // older browsers know no such option
      } catch {
        // A kind that this browser can't show (HEIC): it goes as it came, and the server knows it.
        return { id: job.id, bytes: job.file!, sha256: await sha256(job.file!), width: 0, height: 0, extension: kindOf(came) };
      }
    }
    if (!picture) throw new Error('there is nothing to encode');
    const thumb = await jpegOf((await drawn(picture, thumbAtMost)).c, 0.7);
    let bytes: Uint8Array, width: number, height: number;
    if (came && isJPEG(came) && (job.most <= 0 || Math.max(picture.width, picture.height) <= job.most)) {
      // A JPEG that is small enough keeps its picture bit for bit, and its own orientation.
      ({ width, height } = frameOf(came) ?? picture);
      bytes = withExif(came, { ...job.says, width, height });
    } else {
      const d = await drawn(picture, job.most);
      ({ width, height } = d);
      bytes = new Uint8Array(await jpegOf(d.c, quality));
      const block = came && exifOf(came);
      if (block) bytes = withBlock(bytes, block);
      bytes = withExif(bytes, { ...job.says, width, height, orientation: 1 }); // it was drawn upright
    }
    const data = bytes.buffer as ArrayBuffer;
    return { id: job.id, bytes: data, sha256: await sha256(data), width, height, thumb };
  } finally {
    if (picture instanceof ImageBitmap) picture.close();
    else if (picture) letGo(picture);
  }
}

/** Width and height as a JPEG's own header has them, before any turning. */
export function frameOf(jpeg: Uint8Array): { width: number; height: number } | null {
  for (let at = 2; at + 9 < jpeg.length && jpeg[at] === 0xff; ) {
    const marker = jpeg[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return { height: (jpeg[at + 5]! << 8) | jpeg[at + 6]!, width: (jpeg[at + 7]! << 8) | jpeg[at + 8]! };
    if (marker === 0xda) return null;
    at += 2 + ((jpeg[at + 2]! << 8) | jpeg[at + 3]!);
  }
  return null;
}

function kindOf(bytes: Uint8Array): string {
  const box = String.fromCharCode(...bytes.subarray(4, 12));
  return box.startsWith('ftyp') ? (box.includes('avif') ? '.avif' : '.heic') : bytes[0] === 0x89 ? '.png' : '.bin';
}
