export default {
  root: import.meta.dirname,
  cacheDir: '../../dist/vitest',
  test: { include: ['suite.js'], globals: true },
};
