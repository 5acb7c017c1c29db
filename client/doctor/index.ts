import { checkNoMore } from '../check/check-calls';
import { checkOptions, knownOptions } from '../check/check-options';
import { type Finding, missing } from './finding';

export type { FileToInstall, Finding, FindingStatus } from './finding';

/** What `doctor` tries things out with. */
export interface DoctorOptions {
  /** Path of the helper's program, as `HelperOptions.path`. */
  path?: string;
}

/**
 * Finds out what this machine allows this process, by trying it, and what to do where something is not allowed: one finding
 * for each subject, the same ones in the same order wherever it runs, of which docs/doctor.md says what they mean. It takes a
 * helper of its own, changes nothing, and leaves nothing behind.
 *
 * Commands can be started where the finding `plain command` is neither `missing` nor `unknown`. On other systems than
 * Linux, there is one finding, `system`. A TypeError where `path` cannot be one; rejects for no other reason.
 */
export function doctor(options?: DoctorOptions): Promise<Finding[]>;
export async function doctor(options: DoctorOptions = {}, ...extra: unknown[]): Promise<Finding[]> {
  checkNoMore('doctor', 1, extra);
  checkOptions('doctor', options, DOCTOR_OPTIONS);
  if (process.platform !== 'linux') return [foreignSystem(process.platform)];
  // Loaded here: programs that import the package rarely ask for it.
  const { examine } = require('./examine') as typeof import('./examine');
  return await examine(options.path);
}

const DOCTOR_OPTIONS = knownOptions<DoctorOptions>({ path: true });

function foreignSystem(platform: string): Finding {
  return missing(
    'system',
    `commands can be started on Linux only, and this is ${platform}`,
    'run it on Linux: in a virtual machine or a container, for instance',
  );
}
