import { make, type Failed, type Job, type Made } from './encode';

const here = self as unknown as { onmessage: (e: MessageEvent<Job>) => void; postMessage(m: Made | Failed, transfer?: Transferable[]): void };

here.onmessage = ({ data }) => {
  make(data).then(
    (made) => here.postMessage(made, [made.bytes, ...(made.thumb ? [made.thumb] : [])]),
    (e: unknown) => here.postMessage({ id: data.id, failed: e instanceof Error ? e.message : String(e) }),
  );
};
