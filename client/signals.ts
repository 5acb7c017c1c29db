import { quote } from './escape';

/** The signals' numbers, the same on every architecture that the helper is built for (`man 7 signal`). */
const NUMBERS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

/** Other names for some of them. */
const ALIASES = { SIGIOT: NUMBERS.SIGABRT, SIGPOLL: NUMBERS.SIGIO, SIGCLD: NUMBERS.SIGCHLD } as const;

/** The last signal. */
export const SIGNAL_MAX = 64;
/** Where the kernel's real-time signals begin; `SIGRT_n` counts from here. */
const SIGRT_0 = 32;
/** The first real-time signal that libc leaves to programs; `SIGRTMIN+n` counts from here. */
const SIGRTMIN = 34;

type StandardSignal = keyof typeof NUMBERS;

/**
 * Name of a signal. Of the real-time signals, `SIGRT_n` is number 32+n, as the kernel counts, and
 * `SIGRTMIN+n` is 34+n, as libc does.
 */
export type Signal =
  | StandardSignal
  | keyof typeof ALIASES
  | `SIGRT_${number}`
  | 'SIGRTMIN'
  | `SIGRTMIN+${number}`;

/** The signals by name: `Signal.SIGTERM` is `'SIGTERM'`. */
export const Signal = Object.freeze(
  Object.fromEntries([...Object.keys(NUMBERS), ...Object.keys(ALIASES)].map(name => [name, name])),
) as { readonly [Name in StandardSignal | keyof typeof ALIASES]: Name };

const NUMBER_OF = new Map<string, number>([...Object.entries(NUMBERS), ...Object.entries(ALIASES)]);
const NAME_OF = new Map<number, StandardSignal>(
  Object.entries(NUMBERS).map(([name, number]) => [number, name as StandardSignal]),
);

/**
 * Number of the signal that `signal` names, which may be a number 1 to 64 as well.
 *
 * Throws a RangeError for other numbers, and a TypeError for everything that is no name of a signal.
 */
export function signalNumber(signal: Signal | number): number {
  if (typeof signal === 'number') {
    if (isSignal(signal)) return signal;
    throw new RangeError(`signal must be a number from 1 to ${SIGNAL_MAX}, not ${signal}`);
  }
  if (typeof signal !== 'string') throw new TypeError('signal must be a name or a number');
  const number = NUMBER_OF.get(signal) ?? realTimeNumber(signal);
  if (number === null) throw new TypeError(`there is no signal ${quote(signal)}`);
  return number;
}

function realTimeNumber(name: string): number | null {
  const match = /^(?:SIGRT_(\d+)|SIGRTMIN(?:\+(\d+))?)$/.exec(name);
  if (match === null) return null;
  const [, kernelOffset, libcOffset] = match;
  const number =
    kernelOffset === undefined ? SIGRTMIN + Number(libcOffset ?? 0) : SIGRT_0 + Number(kernelOffset);
  return isSignal(number) ? number : null;
}

function isSignal(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= SIGNAL_MAX;
}

/** Name of the signal with this number, which is 1 to 64: `SIGTERM` for 15, `SIGRT_8` for 40. */
export function signalName(number: number): Signal {
  return NAME_OF.get(number) ?? `SIGRT_${number - SIGRT_0}`;
}
