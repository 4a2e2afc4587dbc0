// Writes docs/configuration.md from the table that the program reads. Run it after a build.
import { writeFileSync } from 'node:fs';
import { configurationPage } from '../dist/config/markdown.js';

writeFileSync(new URL('../../../docs/configuration.md', import.meta.url), configurationPage());
