/**
 * Gateways across a transport: each end serves objects and calls those that the other end serves.
 *
 * Calls arrive in the order in which they were made, whichever gateway they are for, and each method is entered before the next
 * call is looked at. So a caller that must not be overtaken by itself needs nothing but to call in order; who answers when is
 * up to the methods. A failure travels as data and arrives as an error again; what is unanswered when the connection ends fails
 * with the reason. A message that does not have the form of one ends the connection: nothing behind it can be trusted.
 */
import { MillraceError, type SerializedError, serializeError, toError } from '../common/index.ts';
import type { GatewayType, MethodKind } from './gateway-type.ts';
import type { MessageTransport } from './message-transport.ts';

type Message =
  | { readonly type: 'request'; readonly id: number; readonly gateway: string; readonly method: string; readonly args: unknown[] }
  | { readonly type: 'notice'; readonly gateway: string; readonly method: string; readonly args: unknown[] }
  | { readonly type: 'response'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly error: SerializedError };

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Served {
  readonly target: Readonly<Record<string, (...args: unknown[]) => unknown>>;
  readonly methods: Readonly<Record<string, MethodKind>>;
}

export interface RpcConnectionOptions {
  /** How messages call the other end, as in 'slot 1'. */
  readonly peer: string;
  /** A notice that the other end sent could not be dealt with. */
  onNoticeFailed?(error: Error): void;
}

export class RpcConnection {
  private readonly transport: MessageTransport;
  private readonly options: RpcConnectionOptions;
  private readonly served = new Map<string, Served>();
  private readonly pending = new Map<number, Pending>();
  private readonly closing = Promise.withResolvers<Error>();
  private nextId = 1;
  private end: Error | undefined;

  constructor(transport: MessageTransport, options: RpcConnectionOptions) {
    this.transport = transport;
    this.options = options;
    transport.onMessage = (message) => this.receive(message);
    transport.onClose = () => this.close();
  }

  /** Resolves, with the reason, when the connection has ended. */
  get closed(): Promise<Error> {
    return this.closing.promise;
  }

  serve<T extends object>({ name, methods }: GatewayType<T>, target: T): void {
    this.served.set(name, { target: target as Served['target'], methods: methods as Served['methods'] });
  }

  /** The gateway of this type that the other end serves. */
  gateway<T extends object>({ name, methods }: GatewayType<T>): T {
    const calls = Object.entries(methods as Served['methods']).map(([method, kind]) => [
      method,
      kind === 'request'
        ? (...args: unknown[]) => this.request(name, method, args)
        : (...args: unknown[]) => this.send({ type: 'notice', gateway: name, method, args }),
    ]);
    return Object.fromEntries(calls) as T;
  }

  /** @param reason what unanswered and later requests fail with */
  close(reason?: Error): void {
    if (this.end !== undefined) return;
    const end = reason ?? new MillraceError('CONNECTION_LOST', `The connection to ${this.options.peer} has ended.`);
    this.end = end;
    this.transport.close();
    for (const { reject } of this.pending.values()) reject(end);
    this.pending.clear();
    this.closing.resolve(end);
  }

  private request(gateway: string, method: string, args: unknown[]): Promise<unknown> {
    if (this.end !== undefined) return Promise.reject(this.end);
    const id = this.nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.pending.set(id, { resolve, reject });
    try {
      this.send({ type: 'request', id, gateway, method, args });
    } catch (error) {
      this.settle(id)?.reject(toError(error));
    }
    return promise;
  }

  /** @throws MillraceError `NOT_SERIALIZABLE` */
  private send(message: Message): void {
    try {
      this.transport.send(message);
    } catch (error) {
      const what = 'method' in message ? `A call of ${message.gateway}.${message.method}` : 'An answer';
      throw new MillraceError(
        'NOT_SERIALIZABLE',
        `${what} holds something that cannot be sent to ${this.options.peer}: ${toError(error).message}`,
        { cause: error },
      );
    }
  }

  private receive(message: unknown): void {
    if (this.end !== undefined) return;
    if (!isMessage(message)) {
      this.close(new MillraceError('CORRUPT_DATA', `${this.options.peer} sent a message that has not the form of one.`));
      return;
    }
    switch (message.type) {
      case 'request':
        void this.answer(message);
        break;
      case 'notice':
        this.take(message);
        break;
      case 'response':
        this.settle(message.id)?.resolve(message.value);
        break;
      case 'failure':
        this.settle(message.id)?.reject(MillraceError.fromJSON(message.error));
        break;
    }
  }

  private async answer(message: Extract<Message, { type: 'request' }>): Promise<void> {
    const { id } = message;
    try {
      const value = await this.call(message, 'request');
      this.send({ type: 'response', id, value });
    } catch (error) {
      this.send({ type: 'failure', id, error: serializeError(error) });
    }
  }

  private take(message: Extract<Message, { type: 'notice' }>): void {
    try {
      this.call(message, 'notice');
    } catch (error) {
      this.options.onNoticeFailed?.(toError(error));
    }
  }

  private call({ gateway, method, args }: Extract<Message, { args: unknown[] }>, kind: MethodKind): unknown {
    const served = this.served.get(gateway);
    if (served === undefined || !Object.hasOwn(served.methods, method) || served.methods[method] !== kind) {
      throw new MillraceError('INTERNAL', `There is no ${kind} ${gateway}.${method} here.`);
    }
    return served.target[method]?.(...args);
  }

  private settle(id: number): Pending | undefined {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    return pending;
  }
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false;
  const { type, id, gateway, method, args, error } = value as Partial<Record<string, unknown>>;
  const isCall = typeof gateway === 'string' && typeof method === 'string' && Array.isArray(args);
  switch (type) {
    case 'request':
      return typeof id === 'number' && isCall;
    case 'notice':
      return isCall;
    case 'response':
      return typeof id === 'number';
    case 'failure':
      return typeof id === 'number' && typeof error === 'object' && error !== null;
    default:
      return false;
  }
}
