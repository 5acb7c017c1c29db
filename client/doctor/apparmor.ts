import { type FileToInstall, type Finding, limited, missing, ok } from './finding';
import { type Host, isUnprivileged } from './host';

const NAME = 'AppArmor';

const PROFILE_NAME = 'unshare-helper';

/** Whether AppArmor keeps unprivileged processes that no profile allows it from using user namespaces (Ubuntu 23.10 and later). */
export function appArmorRestricts({ files }: Host): boolean {
  return files.setting('kernel/apparmor_restrict_unprivileged_userns') === '1';
}

/**
 * The AppArmor profile that this process, and what it starts, is confined by, or null. It is what counts then: the restriction
 * is for those that are not confined.
 */
export function appArmorConfines({ files }: Host): string | null {
  const label = files.read('/proc/self/attr/apparmor/current') ?? files.read('/proc/self/attr/current');
  const match = /^(.+) \(enforce\)\s*$/.exec(label ?? '');
  return match === null ? null : match[1]!;
}

/**
 * Whether the restriction is what `userNamespace` fails for, and what lifts it for the helper. `helper` is the path of the
 * helper's program without symbolic links, as AppArmor compares it, or null where there is none; `keepsProfile` is whether the
 * helper runs under a profile.
 */
export function appArmorFinding(
  host: Host,
  userNamespace: Finding,
  helper: string | null,
  keepsProfile: boolean,
): Finding {
  if (!appArmorRestricts(host)) return ok(NAME, 'does not restrict user namespaces');
  const restricts =
    'restricts unprivileged user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)';
  if (userNamespace.status === 'ok') {
    const why = isUnprivileged(host) ? 'a profile allows it' : 'it is privileged';
    return ok(NAME, `${restricts}, but not those of this process: ${why}`);
  }
  const profile = appArmorConfines(host);
  if (profile !== null) {
    return limited(
      NAME,
      `confines this process by the profile ${profile}`,
      'let that profile allow "userns,"',
    );
  }
  if (!isUnprivileged(host)) return ok(NAME, `${restricts}, and this process is privileged`);
  if (helper === null)
    return missing(NAME, restricts, 'see to the line "helper", and try again for the profile to install');
  const install = profileFor(helper);
  const found = keepsProfile ? `${restricts}, and the profile of the helper does not allow them` : restricts;
  const advice = `as root, create ${install.path} with the text below, then: apparmor_parser -r ${install.path}`;
  return { ...missing(NAME, found, advice), install };
}

/** The profile that allows user namespaces to the helper at this path, and to what it starts, and confines nothing. */
function profileFor(helper: string): FileToInstall {
  return {
    path: `/etc/apparmor.d/${PROFILE_NAME}`,
    text: `# The helper of the npm package unshare, which makes user namespaces.
# The copy that the helper usually runs from has no path, and no profile applies to it. Where a profile is attached
# to its path, the helper makes no such copy, so whoever may write to this file has what is allowed here.
abi <abi/4.0>,
include <tunables/global>

profile ${PROFILE_NAME} "${escapePattern(helper)}" flags=(unconfined) {
  userns,

  include if exists <local/${PROFILE_NAME}>
}
`,
  };
}

/** The path as a pattern that matches nothing else (`man 5 apparmor.d`, globbing). */
function escapePattern(path: string): string {
  return path.replace(/[\\"*?[\]{}^@]/g, '\\$&');
}
