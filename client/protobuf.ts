/**
 * `protobufjs/minimal` out of the one file that protobufjs has for browsers: opening the twenty of the other takes five times
 * as long, most of the first command's time. It leaves a global variable behind, which is nobody's here, and has no `long`: numbers
 * of 64 bits are `{ low, high }` to write, and numbers to read.
 *
 * It takes `TextDecoder` from the global object when it is loaded. Some test runners have none there (jest-environment-jsdom).
 */
import { TextDecoder } from 'util';

const hasDecoder = 'TextDecoder' in globalThis;
if (!hasDecoder) Object.defineProperty(globalThis, 'TextDecoder', { value: TextDecoder, configurable: true });
const before = Object.getOwnPropertyDescriptor(globalThis, 'protobuf');
const protobuf = require('protobufjs/dist/minimal/protobuf.min.js') as typeof import('protobufjs/minimal');
if (!hasDecoder) Reflect.deleteProperty(globalThis, 'TextDecoder');
if (before === undefined) Reflect.deleteProperty(globalThis, 'protobuf');
else Object.defineProperty(globalThis, 'protobuf', before);

export = protobuf;
