/**
 * A queue whose `shift` costs the same however long it is; that of an array moves everything behind the first element,
 * which a record that fans out into a hundred thousand others would pay a hundred thousand times.
 */
export class FifoQueue<T> implements Iterable<T> {
  /** What is in front of `head` was taken out. */
  private elements: (T | undefined)[] = [];
  private head = 0;

  get length(): number {
    return this.elements.length - this.head;
  }

  get first(): T | undefined {
    return this.elements[this.head];
  }

  get last(): T | undefined {
    return this.length === 0 ? undefined : this.elements.at(-1);
  }

  push(element: T): void {
    this.elements.push(element);
  }

  /** Takes out the element that came last. */
  pop(): void {
    if (this.length > 0) this.elements.pop();
  }

  /** Takes out the element that came first. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const element = this.elements[this.head];
    this.elements[this.head++] = undefined;
    if (this.head >= 32 && this.head * 2 >= this.elements.length) {
      this.elements = this.elements.slice(this.head);
      this.head = 0;
    }
    return element;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.head; i < this.elements.length; i++) yield this.elements[i] as T;
  }
}
