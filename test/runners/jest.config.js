module.exports = { rootDir: __dirname, testMatch: ['<rootDir>/suite.js'], transform: {}, cache: false };
