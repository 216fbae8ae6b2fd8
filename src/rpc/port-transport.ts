/** A transport over a MessagePort: between threads. Structured clone copies the messages; shared memory stays shared. */
import type { MessageTransport } from './message-transport.ts';

/** The part of a MessagePort that is used. */
export interface MessagePortLike {
  postMessage(message: unknown): void;
  on(event: 'message' | 'messageerror', listener: (value: any) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  close(): void;
}

/**
 * Receives as soon as it is made.
 * @param options.tellsClose `false` for who learns in another way, which says more, that the other end is gone
 */
export function portTransport(port: MessagePortLike, options: { readonly tellsClose?: boolean } = {}): MessageTransport {
  let closed = false;
  const end = (): void => {
    if (closed) return;
    closed = true;
    transport.onClose();
  };
  const transport: MessageTransport = {
    onMessage: () => {},
    onClose: () => {},
    send(message) {
      if (!closed) port.postMessage(message);
    },
    close() {
      port.close();
      end();
    },
  };
  port.on('message', (message) => transport.onMessage(message));
  // A message that cannot be read was lost, and with it the order of the others.
  port.on('messageerror', () => transport.close());
  if (options.tellsClose !== false) port.on('close', end);
  return transport;
}
