/**
 * A gateway, described so that it can be called from elsewhere: its name and its methods. A method that answers with a promise is a
 * request; one that returns nothing is a notice, which is not answered. The table is checked against the interface by the
 * compiler: a method that is added to the one and not to the other does not compile.
 */
export type MethodKind = 'request' | 'notice';

export type GatewayMethods<T> = {
  readonly [K in keyof T]-?: NonNullable<T[K]> extends (...args: any[]) => Promise<any> ? 'request' : 'notice';
};

export interface GatewayType<T> {
  readonly name: string;
  readonly methods: GatewayMethods<T>;
}
