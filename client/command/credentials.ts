import { type Capability, capabilityNumber } from './capability';
import { checkList } from './check-list';
import { checkId } from './ids';

/** The ids and the capabilities that a command gets. */
export class Credentials {
  private uid: number | null = null;
  private gid: number | null = null;
  private groups: readonly number[] | null = null;
  private keepCapabilities: readonly number[] | null = null;

  setUid(uid: number): void {
    this.uid = checkId(uid, 'uid');
  }

  setGid(gid: number): void {
    this.gid = checkId(gid, 'gid');
  }

  setGroups(gids: Iterable<number>): void {
    this.groups = checkList(gids, 'groups', 'gids', gid => checkId(gid, 'a gid of groups'));
  }

  keep(capabilities: Iterable<Capability>): void {
    const numbers = checkList(capabilities, 'keepCaps', 'names of capabilities', capability =>
      capabilityNumber(capability, 'a capability of keepCaps'),
    );
    this.keepCapabilities = [...new Set(numbers)].sort((a, b) => a - b);
  }

  request() {
    return {
      uid: this.uid,
      gid: this.gid,
      groups: this.groups,
      keepCapabilities: this.keepCapabilities,
    };
  }
}
