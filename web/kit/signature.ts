// A signature as strokes, and as the picture that proves it: black on white whatever the theme.
import type { PointGroup } from 'signature_pad';

/** The strokes of an answer, as the pad writes them. */
export type Strokes = PointGroup[];

const width = 1200;
const height = 480;
const margin = 40;

/** The strokes drawn as a JPEG, as large as the paper allows. */
export async function signaturePicture(strokes: Strokes): Promise<Blob> {
  const { default: Pad } = await import('signature_pad');
  const points = strokes.flatMap((s) => s.points);
  const left = Math.min(...points.map((p) => p.x)), top = Math.min(...points.map((p) => p.y));
  const across = Math.max(1, Math.max(...points.map((p) => p.x)) - left), down = Math.max(1, Math.max(...points.map((p) => p.y)) - top);
  const scale = Math.min((width - 2 * margin) / across, (height - 2 * margin) / down, 6);
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const pad = new Pad(canvas, { backgroundColor: '#ffffff', penColor: '#000000' });
  pad.fromData(strokes.map((s) => ({
    ...s, penColor: '#000000', minWidth: s.minWidth * scale, maxWidth: s.maxWidth * scale, dotSize: s.dotSize * scale,
    points: s.points.map((p) => ({ ...p, x: (p.x - left - across / 2) * scale + width / 2, y: (p.y - top - down / 2) * scale + height / 2 })),
  })));
  pad.off();
  return new Promise((resolve, reject) => canvas.toBlob((b) => (b ? resolve(b) : reject(new Error('The signature could not be made into a picture.'))), 'image/jpeg', 0.9));
}
