/**
 * Names a side output and carries the type of its records.
 * Two tags with the same id are the same output.
 */
export class OutputTag<T> {
  readonly id: string;
  declare readonly __type?: () => T;

  constructor(id: string) {
    if (id === '') throw new TypeError('An OutputTag needs an id that is not empty.');
    this.id = id;
  }
}
