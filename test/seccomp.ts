import {
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_SECCOMP,
  PROT_READ,
  SECCOMP_MODE_FILTER,
  type Step,
  step,
} from 'unshare';
import { syscallNumber } from '../client/protocol/syscall-number';

/** What a filter refuses: the call, with which error number, and only where the first argument has one of these bits. */
export interface Refusal {
  call: string;
  errno: number;
  bits?: number;
}

/** An address that nothing else is at, in every 64-bit process. */
const ADDRESS = 0x10_0000_0000;

const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_SET = 0x45;
const RETURN = 0x06;
const RET_ALLOW = 0x7fff0000;
const RET_ERRNO = 0x00050000;

/** Offsets in `struct seccomp_data`. */
const NUMBER = 0;
const FIRST_ARGUMENT = 16;

/** Steps that make the kernel refuse calls to the program and all it starts (`man 2 seccomp`). */
export function refuse(refusals: Refusal[]): Step[] {
  const instructions = refusals.map(toInstructions).reduce((all, some) => all.concat(some), []);
  instructions.push([RETURN, 0, 0, RET_ALLOW]);
  const filter = Buffer.alloc(8 * instructions.length);
  instructions.forEach(([code, yes, no, value], index) => {
    filter.writeUInt16LE(code, 8 * index);
    filter.writeUInt8(yes, 8 * index + 2);
    filter.writeUInt8(no, 8 * index + 3);
    filter.writeUInt32LE(value, 8 * index + 4);
  });
  const program = Buffer.alloc(16);
  program.writeUInt16LE(instructions.length, 0);
  program.writeBigUInt64LE(BigInt(ADDRESS), 8);
  return [
    step.syscall('memfd_create', 'filter', 0),
    step.syscall('write', step.result(0), filter, filter.length),
    step.syscall('mmap', ADDRESS, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, step.result(0), 0),
    step.syscall('close', step.result(0)),
    step.syscall('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    step.syscall('prctl', PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0),
  ];
}

function toInstructions({ call, errno, bits }: Refusal): [number, number, number, number][] {
  const refusal = RET_ERRNO | errno;
  const number = syscallNumber(call, 0);
  if (bits === undefined) {
    return [
      [LOAD_WORD, 0, 0, NUMBER],
      [JUMP_EQUAL, 0, 1, number],
      [RETURN, 0, 0, refusal],
    ];
  }
  return [
    [LOAD_WORD, 0, 0, NUMBER],
    [JUMP_EQUAL, 0, 3, number],
    [LOAD_WORD, 0, 0, FIRST_ARGUMENT],
    [JUMP_SET, 0, 1, bits],
    [RETURN, 0, 0, refusal],
  ];
}
