export { Dispatcher, type DispatcherDependencies } from './dispatcher/dispatcher.ts';
