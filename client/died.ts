import type Long = require('long');

import { ExitStatus } from './exit-status';
import type { unshare } from './messages';
import { signalName } from './signals';

/** The status that a `Died` tells. */
export function toExitStatus(message: unshare.v1.Died): ExitStatus {
  const killed = message.signal !== 0;
  const usage = message.resourceUsage ?? {};
  return new ExitStatus({
    code: killed ? null : message.exitCode,
    signal: killed ? signalName(message.signal) : null,
    coreDumped: message.coreDumped,
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
