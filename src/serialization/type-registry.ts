/** Classes whose instances are data: how they are written and restored by the general value codec. */
import { MillraceError } from '../common/index.ts';

export interface RegisteredType<T> {
  /** Instances of exactly this class, not of its subclasses. */
  readonly constructor: new (
    ...args: any[]
  ) => T;
  /** The instance as data: anything that `encodeValue` takes. */
  encode(value: T): unknown;
  /** The instance from what `encode` returned. */
  decode(data: any): T;
}

/** Handed to whatever encodes and decodes; both sides need the same names. */
export class TypeRegistry {
  private readonly byName = new Map<string, RegisteredType<any>>();
  private readonly nameByConstructor = new Map<unknown, string>();

  /**
   * @param name identifies the class in the encoded form: keep it when the class is renamed
   * @throws MillraceError `INVALID_OPTION` if the name or the class is registered already
   */
  registerType<T>(name: string, type: RegisteredType<T>): void {
    if (this.byName.has(name))
      throw new MillraceError('INVALID_OPTION', `A type named '${name}' is registered already. Choose another name.`);
    const known = this.nameByConstructor.get(type.constructor);
    if (known !== undefined) {
      throw new MillraceError('INVALID_OPTION', `The class ${type.constructor.name} is registered already, as '${known}'.`);
    }
    this.byName.set(name, type);
    this.nameByConstructor.set(type.constructor, name);
  }

  /** The name under which the class of an instance is registered. */
  nameOf(owner: unknown): string | undefined {
    return this.nameByConstructor.get(owner);
  }

  typeOf(name: string): RegisteredType<any> | undefined {
    return this.byName.get(name);
  }
}
