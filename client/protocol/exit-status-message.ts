import type Long = require('long');

import type { unshare } from '../messages';
import { ExitStatus } from '../process/exit-status';
import { SIGNAL_MAX, signalName } from '../signals';

const EXIT_CODE_MAX = 255;

/** Whether a program can have ended so. */
export function isPossible({ exitCode, signal }: unshare.v1.ExitStatus.$Properties): boolean {
  return (exitCode ?? 0) <= EXIT_CODE_MAX && (signal ?? 0) <= SIGNAL_MAX;
}

/** The status that a message tells, which is a possible one. */
export function toExitStatus(message: unshare.v1.ExitStatus.$Properties): ExitStatus {
  const { exitCode, signal, coreDumped } = message;
  const usage = message.resourceUsage ?? {};
  return new ExitStatus({
    code: signal ? null : (exitCode ?? 0),
    signal: signal ? signalName(signal) : null,
    coreDumped: coreDumped ?? false,
    resourceUsage: {
      userCPUTime: toNumber(usage.userTimeUs),
      systemCPUTime: toNumber(usage.systemTimeUs),
      maxRSS: toNumber(usage.maxResidentKib),
      minorPageFault: toNumber(usage.minorFaults),
      majorPageFault: toNumber(usage.majorFaults),
      fsRead: toNumber(usage.blocksIn),
      fsWrite: toNumber(usage.blocksOut),
      voluntaryContextSwitches: toNumber(usage.voluntarySwitches),
      involuntaryContextSwitches: toNumber(usage.involuntarySwitches),
    },
  });
}

/** Counts are exact up to 2⁵³, which none of these comes near. */
function toNumber(value: number | Long | null | undefined): number {
  return typeof value === 'object' && value !== null ? value.toNumber() : (value ?? 0);
}
