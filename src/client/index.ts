export { JobClient } from './job-client.ts';
