// The phone's camera: one stream, opened once, stopped when hidden, started again whenever its track is dead.

export type Trouble = 'denied' | 'none' | 'busy' | 'insecure' | 'lost';

export type Abilities = { torch: boolean; zoom: { min: number; max: number; step: number } | null };

type Capabilities = MediaTrackCapabilities & { torch?: boolean; zoom?: { min: number; max: number; step: number } };
type Constraints = MediaTrackConstraints & { advanced?: (MediaTrackConstraintSet & { torch?: boolean; zoom?: number })[] };
/** A picture of the camera as it was at one moment. */
export type Frame = ImageBitmap | VideoFrame;

/**
 * What a video shows, without a copy: it takes no time, and the picture is made where it is encoded. Undefined where the browser
 * can't, or where the frame is turned: who copies its points would have a photo that lies on its side.
 */
function upright(video: HTMLVideoElement): VideoFrame | undefined {
  if (typeof VideoFrame === 'undefined' || !('rotation' in VideoFrame.prototype)) return undefined;
  let frame: VideoFrame | undefined;
  try {
    frame = new VideoFrame(video);
    const { rotation, flip } = frame as VideoFrame & { rotation: number; flip: boolean };
    if (rotation === 0 && !flip && frame.displayWidth === video.videoWidth && frame.displayHeight === video.videoHeight && hasPoints(frame)) return frame;
  } catch {
    // it gives none now: the browser makes a copy
  }
  frame?.close();
  return undefined;
}

/** Whether a frame gives its points as red, green, blue and alpha: a browser that doesn't know how gives others, or none. */
function hasPoints(frame: VideoFrame): boolean {
  return frame.allocationSize({ format: 'RGBA' }) === frame.displayWidth * frame.displayHeight * 4;
}

type Taker = { takePhoto(settings?: object): Promise<Blob> };

/** A photo by the camera itself may take so many milliseconds; one that takes longer is not asked for another. */
const photoWithin = 250;

export class Camera {
  #stream: MediaStream | null = null;
  #opening: Promise<void> | null = null;
  #wanted = false;
  #video: HTMLVideoElement | null = null;
  #taker: Taker | null = null;
  #tell: (t: Trouble | null) => void;
  #gone = new AbortController();

  /** `most` is the longest side that is asked for, 0 what the camera gives; `tell` hears of trouble, null when it is over. */
  constructor(private readonly most: number, tell: (t: Trouble | null) => void) {
    this.#tell = tell;
    const on = { signal: this.#gone.signal };
    document.addEventListener('visibilitychange', () => (document.visibilityState === 'hidden' ? this.#stop() : void this.revive()), on);
    for (const e of ['pageshow', 'focus']) addEventListener(e, () => void this.revive(), on);
    addEventListener('pagehide', () => this.#stop(), on);
    // iOS resumes without any event, and a track may die without one: it is looked at.
    const timer = setInterval(() => void this.revive(), 2000);
    this.#gone.signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** Shows what the camera sees. */
  async open(video: HTMLVideoElement): Promise<void> {
    this.#video = video;
    this.#wanted = true;
    await this.#start();
  }

  close(): void {
    this.#wanted = false;
    this.#gone.abort();
    this.#stop();
  }

  get track(): MediaStreamTrack | null {
    return this.#stream?.getVideoTracks()[0] ?? null;
  }

  get live(): boolean {
    return this.track?.readyState === 'live' && (this.#video?.videoWidth ?? 0) > 0;
  }

  /** Starts again what the system ended. */
  async revive(): Promise<void> {
    if (!this.#wanted || document.visibilityState === 'hidden') return;
    if (this.track?.readyState === 'live') {
      if (this.#video?.paused) await this.#video.play().catch(() => undefined);
      return;
    }
    await this.#start();
  }

  #stop(): void {
    for (const t of this.#stream?.getTracks() ?? []) t.stop();
    this.#stream = null;
    this.#taker = null;
    if (this.#video) this.#video.srcObject = null;
  }

  #start(): Promise<void> {
    this.#opening ??= this.#ask().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #ask(): Promise<void> {
    if (!navigator.mediaDevices?.getUserMedia) {
      this.#tell(isSecureContext ? 'none' : 'insecure');
      return;
    }
    this.#stop();
    const side = this.most > 0 ? Math.max(this.most, 1280) : 4096;
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: 'environment' }, width: { ideal: side }, height: { ideal: Math.round((side * 3) / 4) } } });
    } catch (e) {
      const name = e instanceof DOMException ? e.name : '';
      this.#tell(name === 'NotAllowedError' || name === 'SecurityError' ? 'denied' : name === 'NotReadableError' || name === 'AbortError' ? 'busy' : 'none');
      return;
    }
    if (!this.#wanted || document.visibilityState === 'hidden') {
      for (const t of stream.getTracks()) t.stop();
      return;
    }
    this.#stream = stream;
    const track = stream.getVideoTracks()[0];
    track?.addEventListener('ended', () => {
      if (this.track === track) this.#tell('lost');
      void this.revive();
    });
    const video = this.#video;
    if (!video) return;
    video.srcObject = stream;
    await video.play().catch(() => undefined);
    // The camera's own photo takes longer than a frame: it is worth that only to whoever wants all that the camera has.
    const Capture = (globalThis as { ImageCapture?: new (t: MediaStreamTrack) => Taker }).ImageCapture;
    if (Capture && track && this.most === 0) this.#taker = new Capture(track);
    this.#tell(null);
  }

  abilities(): Abilities {
    const c = (this.track?.getCapabilities?.() ?? {}) as Capabilities;
    return { torch: c.torch === true, zoom: c.zoom && c.zoom.max > c.zoom.min ? c.zoom : null };
  }

  async torch(on: boolean): Promise<void> {
    await this.track?.applyConstraints({ advanced: [{ torch: on }] } as Constraints);
  }

  async zoom(to: number): Promise<void> {
    await this.track?.applyConstraints({ advanced: [{ zoom: to }] } as Constraints);
  }

  /** What the camera sees now. The next may be taken as soon as this one is there. */
  async shoot(): Promise<{ frame: Frame } | { file: ArrayBuffer }> {
    const video = this.#video;
    if (!video || !this.live) throw new Error('the camera gives no picture');
    const taker = this.#taker;
    if (taker) {
      const began = performance.now();
      try {
        const photo = await Promise.race([taker.takePhoto(), new Promise<never>((_, no) => setTimeout(() => no(new Error('too slow')), 3000))]);
        if (performance.now() - began > photoWithin) this.#taker = null;
        return { file: await photo.arrayBuffer() };
      } catch {
        this.#taker = null;
      }
    }
    return { frame: upright(video) ?? (await createImageBitmap(video)) };
  }
}
