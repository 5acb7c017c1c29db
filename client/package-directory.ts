import { join } from 'path';

/**
 * The directory that has `client/`, and `helper/` beside it. Here, at the top of the client, since the published client is
 * a few files beside `index.js`: other modules are in other directories there than in the sources.
 */
export const packageDirectory = join(__dirname, '..');
