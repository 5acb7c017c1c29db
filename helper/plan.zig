//! A command, fully decided: what its child does between clone and execve reads this, and nothing else.
const std = @import("std");
const Host = @import("host.zig").Host;
const id_maps = @import("id_maps.zig");
const limits = @import("limits.zig");
const messages = @import("messages.zig");
const namespaces = @import("namespaces.zig");
const first_kept = @import("options.zig").first_kept;
const once = @import("once.zig");
const steps = @import("steps.zig");
const sys = @import("sys.zig");
const linux = sys.linux;
const text = @import("text.zig");
const wire = @import("wire.zig");

/// Those that a message may name, and the three that are inherited where it does not.
pub const descriptors_size_max = limits.descriptors_max + 3;

pub const Descriptor = struct {
    number: sys.fd_t,
    source: messages.DescriptorSource,
    /// The child's end, where the source is a pipe, and the client's descriptor where it is that.
    fd: sys.fd_t = -1,
    /// The client has it open too.
    is_clients: bool = false,
    /// For .same: the number of the other one.
    same_as: sys.fd_t = -1,
};

/// Bit n stands for the descriptor options.first_kept + n.
pub const KeptSet = u64;

/// The client's descriptors that no command has yet.
pub var kept_descriptors: KeptSet = 0;

pub const Plan = struct {
    host: *const Host,
    /// What was asked for. `environment` has the entry with the pid in it where there is to be one.
    request: messages.Spawn,
    descriptors_buffer: [descriptors_size_max]Descriptor,
    descriptors_count: usize,
    /// CLONE_NEW… flags.
    namespaces: u32,
    /// CLONE_NEW… flags of the namespaces to join.
    joins: u32,
    /// Ids to take on in a new user namespace, as soon as its maps are written.
    mapped_uid: ?u32,
    mapped_gid: ?u32,
    /// Writing end of the report pipe.
    report: sys.fd_t = -1,
    /// The child waits for a byte here before it goes on, where something has to come first.
    go: sys.fd_t = -1,
    /// The helper could not lend the client's group to the first process.
    group_lost: bool = false,
    /// The child only finds out which namespace the kernel refused.
    diagnose: ?u16 = null,
    /// What the limit on descriptors is for the program; see inherited.zig.
    descriptor_limit: linux.rlimit = undefined,
    /// The helper was in `client_dir` when it made the first process.
    is_in_client_dir: bool = false,

    pub fn descriptors(plan: *const Plan) []const Descriptor {
        return plan.descriptors_buffer[0..plan.descriptors_count];
    }

    /// The descriptor itself, or the one that it is the same as.
    pub fn originalOf(plan: *const Plan, descriptor: *const Descriptor) *const Descriptor {
        if (descriptor.source != .same) return descriptor;
        for (plan.descriptors()) |*other| if (other.number == descriptor.same_as) return other;
        unreachable;
    }

    pub fn has(plan: *const Plan, namespace: messages.Namespace) bool {
        return plan.namespaces & namespaces.flagOf(namespace) != 0;
    }

    pub fn isJoining(plan: *const Plan, namespace: messages.Namespace) bool {
        return plan.joins & namespaces.flagOf(namespace) != 0;
    }

    /// What the client has said about the descriptor of this number.
    pub fn inputOf(plan: *const Plan, number: sys.fd_t) messages.Descriptor {
        for (plan.request.descriptors) |descriptor| if (descriptor.number == number) return descriptor;
        unreachable;
    }

    pub fn hasMaps(plan: *const Plan) bool {
        return plan.request.uid_maps.len + plan.request.gid_maps.len > 0;
    }

    pub fn mapsWriter(plan: *const Plan) MapsWriter {
        if (!plan.hasMaps()) return .none;
        if (plan.request.id_map_commands != null) return .commands;
        return if (plan.joins == 0 and !plan.opensFirst()) .helper else .joiner;
    }

    /// The command's own process is made by another one, which was in its namespaces first (joiner.zig).
    pub noinline fn hasJoiner(plan: *const Plan) bool {
        return plan.joins != 0 or plan.has(.time) or plan.opensFirst();
    }

    /// Files are opened before the command's own process is made: in a new user namespace, root has no capability that counts
    /// for files of other users. With a new time namespace, the first process has to be in that user namespace.
    pub noinline fn opensFirst(plan: *const Plan) bool {
        if (plan.host.uid != 0 or plan.joins != 0 or !plan.has(.user) or plan.has(.time)) return false;
        for (plan.request.descriptors) |descriptor| {
            if (descriptor.source == .file and !descriptor.file.?.inside) return true;
        }
        return false;
    }

    /// Namespaces of the first process that is made: the command's own, or the joiner.
    pub fn firstNamespaces(plan: *const Plan) u32 {
        // What only finds out which namespace was refused starts in none.
        if (plan.diagnose != null) return 0;
        if (!plan.hasJoiner()) return plan.namespaces;
        // Without the new user namespace, it might not be allowed to make a time namespace; with it, not to join.
        return if (plan.joins == 0 and !plan.opensFirst()) plan.namespaces & linux.CLONE.NEWUSER else 0;
    }

    /// Namespaces that the joiner makes the command's own process with.
    pub fn lastNamespaces(plan: *const Plan) u32 {
        std.debug.assert(plan.hasJoiner());
        // It is in a user namespace whose maps it had to write by then (holder.zig).
        const entered: u32 = if (plan.mapsWriter() == .joiner and plan.joins != 0) linux.CLONE.NEWUSER else 0;
        return plan.namespaces & ~plan.firstNamespaces() & ~entered & ~@as(u32, linux.CLONE.NEWTIME);
    }

    /// Somebody has something to do before the command goes on.
    pub fn waitsForGo(plan: *const Plan) bool {
        return plan.hasMaps() or plan.hasJoiner() or plan.request.freeze or plan.request.foreground;
    }

    pub fn hasNewRoot(plan: *const Plan) bool {
        return plan.request.pivot_root != null or plan.request.chroot_dir != null;
    }

    pub fn changesIds(plan: *const Plan) bool {
        return plan.request.uid != null or plan.request.gid != null;
    }

    /// The program is to be apart from the client: it is somebody else, or in another pid or user namespace.
    pub noinline fn isSeparate(plan: *const Plan) bool {
        return (plan.namespaces | plan.joins) & (linux.CLONE.NEWPID | linux.CLONE.NEWUSER) != 0 or plan.changesIds() or
            plan.request.groups != null;
    }

    /// The program leads its own process group; otherwise it is in the client's.
    pub noinline fn leadsGroup(plan: *const Plan) bool {
        if (plan.group_lost or plan.request.new_session orelse false) return true;
        if (plan.request.make_group_leader) |asked| return asked;
        // The terminal could not be given back to a group that has no number.
        if (plan.request.foreground) return plan.host.group != 0;
        return plan.isSeparate();
    }

    /// Whether the program leads its own session if none of its standard descriptors is a terminal, and nobody says otherwise.
    pub fn wantsSession(plan: *const Plan) bool {
        return plan.isSeparate() and !plan.request.foreground and plan.request.make_group_leader orelse true;
    }

    /// The first process starts in a new pid namespace, where the client's group has no number: the helper makes it in that
    /// group.
    pub fn inheritsGroup(plan: *const Plan) bool {
        return plan.firstNamespaces() & linux.CLONE.NEWPID != 0;
    }

    /// Nothing but a program, its directory, its descriptors and its signals: the child of such a plan may share the
    /// helper's memory, since it changes no credential, and the helper stays dumpable.
    pub noinline fn isPlain(plan: *const Plan) bool {
        const request = &plan.request;
        return plan.namespaces == 0 and !plan.waitsForGo() and !plan.hasNewRoot() and !plan.changesIds() and
            request.groups == null and request.keep_capabilities == null and request.pre_exec.len == 0;
    }
};

/// Who writes the id maps.
pub const MapsWriter = enum {
    none,
    helper,
    /// The programs of `id_map_commands`, run by a process of their own (map_runner.zig).
    commands,
    /// Where a user namespace was joined, the helper may not; where files are opened first, it does not know the process in time.
    joiner,
};

pub const Refusal = struct {
    stage: messages.Stage,
    item: messages.Item = .none,
    index: u32 = 0,
    detail: [:0]const u8 = "",
};

fn refuse(detail: [:0]const u8) ?Refusal {
    return .{ .stage = .protocol, .detail = detail };
}

/// The plan for `request`, into `plan`; or why there is none.
pub fn make(noalias plan: *Plan, noalias request: *const messages.Spawn, host: *const Host) ?Refusal {
    if (request.program.len == 0) return refuse("program: empty");
    if (request.parent_death_signal > limits.signal_max) return refuse("parent_death_signal: 64 at most");
    if (request.umask) |mask| if (mask > 0o777) return refuse("umask: 0777 at most");
    if (request.new_session orelse false) {
        if (request.foreground) return refuse("new_session: foreground needs the session of the client");
        if (!(request.make_group_leader orelse true)) return refuse("new_session: its leader leads a group as well");
    }
    if (request.foreground and !(request.make_group_leader orelse true)) {
        return refuse("foreground: without a process group of its own");
    }
    plan.* = .{
        .host = host,
        .request = request.*,
        .descriptors_buffer = undefined,
        .descriptors_count = 0,
        .namespaces = 0,
        .joins = 0,
        .mapped_uid = null,
        .mapped_gid = null,
    };
    for (request.namespaces) |namespace| {
        if (namespace == .unspecified) return refuse("namespaces: unspecified");
        plan.namespaces |= namespaces.flagOf(namespace);
    }
    return takeJoins(plan) orelse takeDescriptors(plan) orelse takeRanges(plan) orelse takeRoots(plan) orelse
        takeIds(plan) orelse takeMaps(plan) orelse takeCapabilities(plan) orelse checkPidVariables(plan) orelse
        steps.take(plan);
}

fn takeJoins(plan: *Plan) ?Refusal {
    for (plan.request.joins) |join| {
        if (join.namespace == .unspecified) return refuse("joins: unspecified");
        const sources = @as(u8, @intFromBool(join.path.len > 0)) + @intFromBool(join.pid > 0) +
            @intFromBool(join.helper_descriptor > 0);
        if (sources != 1) return refuse("joins: one of path, pid, helper_descriptor");
        if (join.helper_descriptor > 0 and takeKept(join.helper_descriptor) == null) return not_kept;
        if (join.pid > std.math.maxInt(sys.pid_t)) return refuse("joins: pid too large");
        const flag = namespaces.flagOf(join.namespace);
        if (plan.joins & flag != 0) return refuse("joins: kind named twice");
        if (plan.namespaces & flag != 0 and join.namespace != .user) return .{
            .stage = .set_ns,
            .item = .join,
            .index = @intFromEnum(join.namespace),
            .detail = "a namespace of this kind can be new or joined, not both",
        };
        plan.joins |= flag;
    }
    return null;
}

fn takeDescriptors(plan: *Plan) ?Refusal {
    for (plan.request.descriptors) |descriptor| {
        if (descriptor.source == .unspecified) return refuse("descriptors: source unspecified");
        if (descriptor.number > std.math.maxInt(i32) - 1) return refuse("descriptors: number too large");
        if (descriptor.source == .inherit and descriptor.number > 2) {
            return refuse("descriptors: only 0, 1 and 2 can be inherited");
        }
        if (descriptor.input.len > limits.stream_window) return refuse("descriptors: input larger than the window");
        if (once.active and (descriptor.source == .stream_read or descriptor.source == .stream_write)) {
            return refuse("descriptors: no streams in a run for one command");
        }
        for (plan.descriptors()) |earlier| {
            if (earlier.number == descriptor.number) return refuse("descriptors: number named twice");
        }
        const kept = if (descriptor.source == .helper) takeKept(descriptor.helper_descriptor) orelse
            return not_kept else -1;
        append(plan, .{
            .number = @intCast(descriptor.number),
            .source = descriptor.source,
            .fd = kept,
            .is_clients = kept >= 0 and descriptor.is_clients,
            .same_as = if (descriptor.source == .same) std.math.cast(sys.fd_t, descriptor.same_as) orelse -1 else -1,
        });
        if (descriptor.source == .file) if (checkFile(descriptor.file)) |refusal| return refusal;
    }
    for (0..3) |number| {
        for (plan.descriptors()) |descriptor| {
            if (descriptor.number == number) break;
        } else append(plan, .{ .number = @intCast(number), .source = .inherit });
    }
    next: for (plan.descriptors()) |descriptor| {
        if (descriptor.source != .same) continue;
        for (plan.descriptors()) |other| {
            if (other.number == descriptor.same_as and other.source != .same) continue :next;
        }
        return refuse("descriptors: same_as names none that has a source of its own");
    }
    return null;
}

fn checkFile(asked: ?messages.FileToOpen) ?Refusal {
    const file = asked orelse return refuse("descriptors: no file");
    if (file.path.len == 0) return refuse("descriptors: file: empty path");
    if (!file.read and !file.write) return refuse("descriptors: file: neither read nor write");
    if (file.mode > 0o7777) return refuse("descriptors: file: mode: 07777 at most");
    return null;
}

const not_kept = refuse("helper_descriptor: not kept, or named twice");

noinline fn takeKept(number: u32) ?sys.fd_t {
    if (number < first_kept or number - first_kept >= limits.kept_descriptors_max) return null;
    const bit = @as(KeptSet, 1) << @intCast(number - first_kept);
    if (kept_descriptors & bit == 0) return null;
    kept_descriptors &= ~bit;
    return @intCast(number);
}

fn append(plan: *Plan, descriptor: Descriptor) void {
    plan.descriptors_buffer[plan.descriptors_count] = descriptor;
    plan.descriptors_count += 1;
}

fn takeRanges(plan: *Plan) ?Refusal {
    for (plan.request.close_descriptors) |range| {
        if (range.first < 3) return refuse("close_descriptors: 3 at least");
        if (range.last < range.first) return refuse("close_descriptors: last before first");
    }
    return null;
}

fn takeRoots(plan: *Plan) ?Refusal {
    if (plan.request.pivot_root) |pivot| {
        if (pivot.new_root.len == 0 or pivot.put_old.len == 0) return refuse("pivot_root: empty path");
        if (pivot.new_root[0] != '/' or pivot.put_old[0] != '/') return refuse("pivot_root: path not absolute");
        // In the helper's own mount namespace it would move the root of every process there.
        if (!plan.has(.mount) and !plan.isJoining(.mount)) return .{
            .stage = .change_root,
            .item = .new_root,
            .detail = "pivot_root needs a mount namespace of the command's own",
        };
    }
    if (plan.request.chroot_dir) |path| {
        if (path.len == 0 or path[0] != '/') return refuse("chroot_dir: path not absolute");
    }
    return null;
}

fn takeIds(plan: *Plan) ?Refusal {
    const invalid = id_maps.invalid_id;
    if (plan.request.uid) |uid| if (uid == invalid) return refuse("uid: 4294967295 is no id");
    if (plan.request.gid) |gid| if (gid == invalid) return refuse("gid: 4294967295 is no id");
    if (plan.request.groups) |groups| {
        for (groups.gids) |gid| if (gid == invalid) return refuse("groups: 4294967295 is no id");
    }
    return null;
}

/// In a user namespace with maps, an own id that is mapped stays what it maps to; an unmapped one becomes 0 where that
/// is mapped. Otherwise the command is refused, unless it names an id itself: unmapped, it would show 65534 and still be
/// the outer user.
fn takeMaps(plan: *Plan) ?Refusal {
    const uid_maps = plan.request.uid_maps;
    const gid_maps = plan.request.gid_maps;
    if (!plan.hasMaps()) return null;
    if (!plan.has(.user)) return refuse("uid_maps, gid_maps: without a new user namespace");
    if (plan.request.id_map_commands) |programs| {
        if (programs.newuidmap.len == 0 or programs.newgidmap.len == 0) return refuse("id_map_commands: empty path");
        if (plan.isJoining(.user)) return .{
            .stage = .set_id_map,
            .detail = "the maps of a user namespace inside a joined one cannot be written by commands outside of it",
        };
    } else for ([_][]const messages.IdMap{ uid_maps, gid_maps }, [_]messages.Item{ .uid_map, .gid_map }) |maps, item| {
        if (id_maps.textSize(maps) >= limits.id_map_text_size_max) {
            return .{ .stage = .limit, .item = item, .detail = "id map: less than 4096 bytes as text" };
        }
    }
    // What the own ids are in a joined user namespace is known there only; see credentials.settle.
    if (plan.isJoining(.user)) return null;
    if (uid_maps.len > 0 and !id_maps.mapsOutside(uid_maps, plan.host.uid)) {
        if (id_maps.mapsInside(uid_maps, 0)) {
            plan.mapped_uid = 0;
        } else if (plan.request.uid == null) {
            return .{ .stage = .set_user, .item = .uid_map, .index = plan.host.uid };
        }
    }
    if (gid_maps.len > 0 and !id_maps.mapsOutside(gid_maps, plan.host.gid)) {
        if (id_maps.mapsInside(gid_maps, 0)) {
            plan.mapped_gid = 0;
        } else if (plan.request.gid == null) {
            return .{ .stage = .set_user, .item = .gid_map, .index = plan.host.gid };
        }
    }
    return null;
}

fn takeCapabilities(plan: *Plan) ?Refusal {
    const kept = plan.request.keep_capabilities orelse return null;
    if (kept == 0) return null;
    const highest = 63 - @clz(kept);
    if (highest <= plan.host.last_capability) return null;
    return .{
        .stage = .cap_set,
        .item = .capabilities,
        .index = highest,
        .detail = "this kernel does not know it",
    };
}

fn checkPidVariables(plan: *const Plan) ?Refusal {
    for (plan.request.pid_variables) |index| {
        if (index >= plan.request.environment.len) return refuse("pid_variables: not in environment");
        if (pidRoom(plan, index).len != text.number_size_max) return refuse("pid_variables: ten bytes for the pid");
    }
    return null;
}

/// What stands behind the `=` of a variable. The strings lie in memory that is the command's alone.
fn pidRoom(plan: *const Plan, index: u32) [:0]u8 {
    const entry = std.mem.span(@constCast(plan.request.environment[index].?));
    const name = text.upTo(entry, '=');
    return entry[@min(name.len + 1, entry.len)..];
}

/// Puts the calling process's id where the environment is to have it.
pub fn writePid(plan: *const Plan) void {
    for (plan.request.pid_variables) |index| {
        const room = pidRoom(plan, index);
        // With the NUL, for which there is room behind the largest number too.
        var pid: text.Text = .{ .buffer = room.ptr[0 .. room.len + 1] };
        pid.addNumber(@intCast(linux.getpid()));
        _ = pid.end();
    }
}

const testing = std.testing;

fn testHost(uid: u32) Host {
    var host: Host = std.mem.zeroes(Host);
    host.uid = uid;
    host.gid = uid;
    return host;
}

test "an own id that is mapped stays, and the names of no descriptor are inherited" {
    const host = testHost(1000);
    var plan: Plan = undefined;
    const rows = [_]messages.IdMap{.{ .inside = 0, .outside = 1000, .count = 1 }};
    const spawn: messages.Spawn = .{ .program = "/a", .namespaces = &.{.user}, .uid_maps = &rows, .gid_maps = &rows };
    try testing.expectEqual(null, make(&plan, &spawn, &host));
    try testing.expectEqual(null, plan.mapped_uid);
    try testing.expectEqual(3, plan.descriptors().len);
    try testing.expect(!plan.isPlain());
}

test "an own id that is not mapped becomes 0" {
    const host = testHost(1000);
    var plan: Plan = undefined;
    const rows = [_]messages.IdMap{.{ .inside = 0, .outside = 5000, .count = 10 }};
    const spawn: messages.Spawn = .{ .program = "/a", .namespaces = &.{.user}, .uid_maps = &rows, .gid_maps = &rows };
    try testing.expectEqual(null, make(&plan, &spawn, &host));
    try testing.expectEqual(0, plan.mapped_uid);
    try testing.expectEqual(0, plan.mapped_gid);
}

test "an own id that is not mapped is refused where 0 is not mapped, unless an id is named" {
    const host = testHost(1000);
    var plan: Plan = undefined;
    const rows = [_]messages.IdMap{.{ .inside = 7, .outside = 5000, .count = 10 }};
    var spawn: messages.Spawn = .{ .program = "/a", .namespaces = &.{.user}, .uid_maps = &rows, .gid_maps = &rows };
    try testing.expectEqual(messages.Stage.set_user, make(&plan, &spawn, &host).?.stage);
    spawn.uid = 7;
    try testing.expectEqual(messages.Item.gid_map, make(&plan, &spawn, &host).?.item);
    spawn.gid = 7;
    try testing.expectEqual(null, make(&plan, &spawn, &host));
}

test "maps without a user namespace, a number named twice and an inherited 3 are refused" {
    const host = testHost(0);
    var plan: Plan = undefined;
    const rows = [_]messages.IdMap{.{ .inside = 0, .outside = 0, .count = 1 }};
    try testing.expect(make(&plan, &.{ .program = "/a", .uid_maps = &rows }, &host) != null);
    try testing.expect(make(&plan, &.{ .program = "/a", .descriptors = &.{
        .{ .number = 1, .source = .null_write },
        .{ .number = 1, .source = .inherit },
    } }, &host) != null);
    try testing.expect(make(&plan, &.{ .program = "/a", .descriptors = &.{.{ .number = 3, .source = .inherit }} }, &host) != null);
    try testing.expect(make(&plan, &.{}, &host) != null);
}

test "a variable for the pid has room for it" {
    const host = testHost(0);
    var plan: Plan = undefined;
    var entry = "PID=0000000000".*;
    const environment = [_:null]?[*:0]const u8{ "PID=1", "0123456789", &entry };
    var spawn: messages.Spawn = .{ .program = "/a", .environment = &environment };
    for ([_]u32{ 0, 1, 3 }) |index| {
        spawn.pid_variables = &.{index};
        try testing.expectEqual(messages.Stage.protocol, make(&plan, &spawn, &host).?.stage);
    }
    spawn.pid_variables = &.{2};
    try testing.expectEqual(null, make(&plan, &spawn, &host));
    writePid(&plan);
    try testing.expectEqual(@as(u32, @intCast(linux.getpid())), text.parseNumber(std.mem.sliceTo(entry[4..], 0)));
}
