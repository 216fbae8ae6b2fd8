/**
 * A connection between two ends that pass messages: what gateways stand on. It may be between threads, between processes, or
 * within a simulation.
 *
 * Every implementation keeps the order of messages, copies them (the receiver never sees an object of the sender) and loses
 * none while it is open. What is sent after the end is lost in silence: the end itself is told once, by `onClose`.
 */
export interface MessageTransport {
  /** @throws if the message holds what cannot be copied, such as a function */
  send(message: unknown): void;
  /** Set by the one who receives, at once: a message that comes before is lost. */
  onMessage: (message: unknown) => void;
  /** Called once, when this or the other end closed. */
  onClose: () => void;
  close(): void;
}
