//! A command, fully decided: what its child does between clone and execve reads this, and nothing else.
const std = @import("std");
const linux = std.os.linux;
const Host = @import("host.zig").Host;
const id_maps = @import("id_maps.zig");
const limits = @import("limits.zig");
const messages = @import("messages.zig");
const namespaces = @import("namespaces.zig");
const sys = @import("sys.zig");
const wire = @import("wire.zig");

/// Those that a message may name, and the three that are inherited where it does not.
pub const descriptors_size_max = limits.descriptors_max + 3;

pub const Descriptor = struct {
    number: sys.fd_t,
    source: messages.DescriptorSource,
    /// The child's end, where the source is a pipe.
    fd: sys.fd_t = -1,
};

pub const Plan = struct {
    host: *const Host,
    program: [:0]const u8,
    arguments: wire.Strings,
    environment: wire.Strings,
    start_dir: ?[:0]const u8,
    current_dir: ?[:0]const u8,
    umask: ?u32,
    descriptors_buffer: [descriptors_size_max]Descriptor,
    descriptors_count: usize,
    /// CLONE_NEW… flags.
    namespaces: u32,
    uid_maps: []const messages.IdMap,
    gid_maps: []const messages.IdMap,
    /// Ids to take on in a new user namespace, as soon as its maps are written.
    mapped_uid: ?u32,
    mapped_gid: ?u32,
    uid: ?u32,
    gid: ?u32,
    make_group_leader: bool,
    parent_death_signal: u8,
    /// Writing end of the report pipe.
    report: sys.fd_t = -1,
    /// The child waits for a byte here where the helper has something to write first.
    go: sys.fd_t = -1,
    /// The child only finds out which namespace the kernel refused.
    diagnose: ?u16 = null,

    pub fn descriptors(plan: *const Plan) []const Descriptor {
        return plan.descriptors_buffer[0..plan.descriptors_count];
    }

    pub fn hasMaps(plan: *const Plan) bool {
        return plan.uid_maps.len + plan.gid_maps.len > 0;
    }

    /// Nothing but a program, its directory and its descriptors: the child of such a plan may share the helper's memory,
    /// since it changes no credential, and the helper stays dumpable.
    pub fn isPlain(plan: *const Plan) bool {
        return plan.namespaces == 0 and plan.uid == null and plan.gid == null;
    }
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

/// The plan for `spawn`, into `plan`; or why there is none.
pub fn make(plan: *Plan, spawn: *const messages.Spawn, host: *const Host) ?Refusal {
    if (spawn.program.len == 0) return refuse("program: empty");
    if (spawn.parent_death_signal > limits.signal_max) return refuse("parent_death_signal: 64 at most");
    if (spawn.umask) |mask| if (mask > 0o777) return refuse("umask: 0777 at most");
    if (spawn.uid) |uid| if (uid == id_maps.invalid_id) return refuse("uid: 4294967295 is no id");
    if (spawn.gid) |gid| if (gid == id_maps.invalid_id) return refuse("gid: 4294967295 is no id");
    plan.* = .{
        .host = host,
        .program = spawn.program,
        .arguments = spawn.arguments,
        .environment = spawn.environment,
        .start_dir = spawn.start_dir,
        .current_dir = spawn.current_dir,
        .umask = spawn.umask,
        .descriptors_buffer = undefined,
        .descriptors_count = 0,
        .namespaces = 0,
        .uid_maps = spawn.uid_maps,
        .gid_maps = spawn.gid_maps,
        .mapped_uid = null,
        .mapped_gid = null,
        .uid = spawn.uid,
        .gid = spawn.gid,
        .make_group_leader = spawn.make_group_leader,
        .parent_death_signal = @intCast(spawn.parent_death_signal),
    };
    for (spawn.namespaces) |namespace| {
        if (namespace == .unspecified) return refuse("namespaces: unspecified");
        plan.namespaces |= namespaces.flagOf(namespace);
    }
    if (takeDescriptors(plan, spawn.descriptors)) |refusal| return refusal;
    return takeMaps(plan);
}

fn takeDescriptors(plan: *Plan, asked: []const messages.Descriptor) ?Refusal {
    for (asked) |descriptor| {
        if (descriptor.source == .unspecified) return refuse("descriptors: source unspecified");
        if (descriptor.number > std.math.maxInt(i32) - 1) return refuse("descriptors: number too large");
        if (descriptor.source == .inherit and descriptor.number > 2) {
            return refuse("descriptors: only 0, 1 and 2 can be inherited");
        }
        for (plan.descriptors()) |earlier| {
            if (earlier.number == descriptor.number) return refuse("descriptors: number named twice");
        }
        append(plan, .{ .number = @intCast(descriptor.number), .source = descriptor.source });
    }
    for (0..3) |number| {
        for (plan.descriptors()) |descriptor| {
            if (descriptor.number == number) break;
        } else append(plan, .{ .number = @intCast(number), .source = .inherit });
    }
    return null;
}

fn append(plan: *Plan, descriptor: Descriptor) void {
    plan.descriptors_buffer[plan.descriptors_count] = descriptor;
    plan.descriptors_count += 1;
}

/// In a user namespace with maps, an own id that is mapped stays what it maps to; an unmapped one becomes 0 where that
/// is mapped. Otherwise the command is refused, unless it names an id itself: unmapped, it would show 65534 and still be
/// the outer user.
fn takeMaps(plan: *Plan) ?Refusal {
    if (!plan.hasMaps()) return null;
    if (plan.namespaces & linux.CLONE.NEWUSER == 0) return refuse("uid_maps, gid_maps: without a new user namespace");
    for ([_][]const messages.IdMap{ plan.uid_maps, plan.gid_maps }) |maps| {
        if (id_maps.textSize(maps) >= limits.id_map_text_size_max) {
            return .{
                .stage = .limit,
                .item = if (maps.ptr == plan.uid_maps.ptr) .uid_map else .gid_map,
                .detail = "id map: less than 4096 bytes as text",
            };
        }
    }
    if (plan.uid_maps.len > 0 and !id_maps.mapsOutside(plan.uid_maps, plan.host.uid)) {
        if (id_maps.mapsInside(plan.uid_maps, 0)) {
            plan.mapped_uid = 0;
        } else if (plan.uid == null) return .{ .stage = .set_user, .item = .uid_map, .index = plan.host.uid };
    }
    if (plan.gid_maps.len > 0 and !id_maps.mapsOutside(plan.gid_maps, plan.host.gid)) {
        if (id_maps.mapsInside(plan.gid_maps, 0)) {
            plan.mapped_gid = 0;
        } else if (plan.gid == null) return .{ .stage = .set_user, .item = .gid_map, .index = plan.host.gid };
    }
    return null;
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
