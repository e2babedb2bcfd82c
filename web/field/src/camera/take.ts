// From a picture to an item on this phone: where and when, encoded, hashed, kept.
import type { Item } from '../lib/db';
import { uuid } from '../lib/uuid';
import { keep } from '../queue';
import { encode } from './encoder';
import type { Frame } from './capture';
import type { Made } from './encode';
import { position } from './position';

/** What a picture is proof of. */
export type Subject = { order_id: string; task_id: string; task_name?: string; evidence_type: string; shot?: string; question?: string };

/** A picture in hand: made, and not yet kept. */
export type Held = { taken: Parameters<typeof keep>[0]; made: Made };

/**
 * Makes an item of a picture. Time and place are those of the press. It is not kept yet: what could not be kept for want of
 * room is still in hand.
 */
export async function develop(picture: { frame: Frame } | { file: ArrayBuffer }, subject: Subject, source: Item['source'], most: number): Promise<Held> {
  const taken_at = Date.now();
  position.warm();
  const place = position.here();
  const id = uuid();
  const { latitude, longitude, accuracy, position_at } = place;
  const made = await encode({
    ...picture, most,
    says: {
      taken_at, east: -new Date(taken_at).getTimezoneOffset(), uuid: id, own: source === 'mobile_camera',
      position: latitude === undefined || longitude === undefined ? undefined : { latitude, longitude, ...(accuracy === undefined ? {} : { accuracy }), ...(position_at === undefined ? {} : { at: position_at }) },
    },
  });
  const taken = {
    uuid: id, ...subject, taken_at, ...place, source, notes: '', sha256: made.sha256, size: made.bytes.byteLength, width: made.width, height: made.height,
    ...(made.extension ? { extension: made.extension } : {}),
  };
  return { taken, made };
}

export function keepHeld(held: Held): Promise<Item> {
  return keep(held.taken, held.made.bytes, held.made.thumb);
}
