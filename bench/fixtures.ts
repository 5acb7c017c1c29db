import * as path from 'path';

const directory = path.join(__dirname, '../test/fixtures');

/** Copies its standard input to its standard output until its end. */
export const copy = path.join(directory, 'copy');
/** Exits at once. */
export const exit = path.join(directory, 'exit');
/** Writes as many bytes as its argument says. */
export const flood = path.join(directory, 'flood');
/** Prints what it costs a native program to start another one. */
export const floor = path.join(directory, 'floor');
