// When the position is looked for, and as what it is recorded.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Position } from './position';

/** A phone's position as browsers give it: told when the test says so. */
class Source {
  watching = 0;
  asked = 0;
  tell: (accuracy: number) => void = () => undefined;
  refuse: () => void = () => undefined;

  watchPosition(heard: PositionCallback, failed: PositionErrorCallback): number {
    this.watching++;
    this.asked++;
    this.tell = (accuracy) => heard({ coords: { latitude: 30.5, longitude: -97.7, accuracy }, timestamp: Date.now() } as GeolocationPosition);
    this.refuse = () => failed({ code: 1, PERMISSION_DENIED: 1 } as GeolocationPositionError);
    return this.asked;
  }

  clearWatch(): void {
    this.watching--;
  }
}

describe('the position', () => {
  let source: Source, position: Position, now: number;
  beforeEach(() => {
    vi.useFakeTimers();
    source = new Source();
    now = 0;
    position = new Position(source as unknown as Geolocation, () => now);
  });
  afterEach(() => void vi.useRealTimers());

  it('is off two minutes after it was last used', () => {
    position.warm();
    vi.advanceTimersByTime(119_000);
    position.warm();
    vi.advanceTimersByTime(119_000);
    expect(source.watching).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(source.watching).toBe(0);
    position.back();
    expect(source.watching).toBe(0);
  });

  it('is recorded as what it is', () => {
    expect(position.here()).toEqual({ position_state: 'none' });
    position.warm();
    source.tell(6);
    expect(position.here()).toMatchObject({ position_state: 'good', latitude: 30.5, accuracy: 6 });
    source.tell(400);
    expect(position.here().position_state).toBe('vague');
    now += 31_000;
    expect(position.here()).toMatchObject({ position_state: 'old', latitude: 30.5 });
    source.refuse();
    expect(position.here()).toEqual({ position_state: 'refused' });
  });

  it('that was refused stays refused, is asked for again when somebody comes back, and for nothing else', () => {
    let told = 0;
    position.onChange(() => {
      told++;
      position.here();
    });
    position.warm();
    source.refuse();
    expect([position.here().position_state, source.watching, told]).toEqual(['refused', 0, 1]);
    position.warm();
    position.here();
    expect(source.asked).toBe(1);
    position.back();
    expect([source.asked, position.here().position_state]).toEqual([2, 'refused']);
    source.tell(6);
    expect(position.here().position_state).toBe('good');
  });
});
