/** Ends `npm test`: says in one line per service which tests did not run, and how to run them. */
import { SERVICES } from './catalog.ts';
import { servicesOf, serviceTestFiles } from './service-tests.ts';

const needs = serviceTestFiles().map(servicesOf);
for (const service of SERVICES) {
  const count = needs.filter((services) => services.includes(service)).length;
  if (count === 0) continue;
  const files = count === 1 ? '1 test file that needs' : `${count} test files that need`;
  const way = service.isInstalled() ? '' : `${service.install}, or name one by ${service.variable}=host:port; `;
  console.log(`skipped ${files} ${service.name}: ${way}npm run test:services`);
}
