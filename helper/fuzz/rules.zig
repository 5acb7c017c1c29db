//! Which commands are to be refused, said again, after proto/unshare.proto and apart from plan.zig and steps.zig.
const std = @import("std");
const linux = std.os.linux;
const Host = @import("../host.zig").Host;
const limits = @import("../limits.zig");
const messages = @import("../messages.zig");
const once = @import("../once.zig");

pub const Verdict = enum {
    /// Its first process is made.
    start,
    /// The client is told why there is none.
    refuse,
    /// It depends on which descriptors of the client are left.
    either,
};

const no_id = 4294967295;

pub fn judge(spawn: *const messages.Spawn, host: *const Host, kept: u64) Verdict {
    if (!isAdmissible(spawn, host)) return .refuse;
    var names_kept = false;
    for (spawn.joins) |join| names_kept = names_kept or join.helper_descriptor > 0;
    for (spawn.descriptors) |descriptor| names_kept = names_kept or descriptor.source == .helper;
    if (!names_kept) return .start;
    return if (kept == 0) .refuse else .either;
}

fn isAdmissible(spawn: *const messages.Spawn, host: *const Host) bool {
    return spawn.program.len > 0 and
        (spawn.umask orelse 0) <= 0o777 and
        spawn.parent_death_signal <= 64 and
        std.mem.indexOfScalar(messages.Namespace, spawn.namespaces, .unspecified) == null and
        isSession(spawn) and areJoins(spawn) and areDescriptors(spawn.descriptors) and areRanges(spawn.close_descriptors) and
        areRoots(spawn) and areIds(spawn) and areMaps(spawn, host) and areCapabilities(spawn, host) and
        arePidVariables(spawn) and areSteps(spawn.pre_exec);
}

fn isSession(spawn: *const messages.Spawn) bool {
    const has_group = spawn.make_group_leader != false;
    if (spawn.new_session == true) return has_group and !spawn.foreground;
    return has_group or !spawn.foreground;
}

fn has(spawn: *const messages.Spawn, namespace: messages.Namespace) bool {
    return std.mem.indexOfScalar(messages.Namespace, spawn.namespaces, namespace) != null;
}

fn joins(spawn: *const messages.Spawn, namespace: messages.Namespace) bool {
    for (spawn.joins) |join| if (join.namespace == namespace) return true;
    return false;
}

fn areJoins(spawn: *const messages.Spawn) bool {
    var seen: [256]bool = @splat(false);
    for (spawn.joins) |join| {
        var sources: usize = 0;
        if (join.path.len > 0) sources += 1;
        if (join.pid > 0) sources += 1;
        if (join.helper_descriptor > 0) sources += 1;
        if (sources != 1 or join.pid > 0x7fffffff) return false;
        const kind = @intFromEnum(join.namespace);
        if (kind == 0 or seen[kind]) return false;
        if (has(spawn, join.namespace) and join.namespace != .user) return false;
        seen[kind] = true;
    }
    return true;
}

/// Whether the program leads a process group.
pub fn leadsGroup(spawn: *const messages.Spawn) bool {
    if (spawn.new_session == true) return true;
    if (spawn.make_group_leader) |asked| return asked;
    return spawn.foreground or has(spawn, .pid) or has(spawn, .user) or joins(spawn, .pid) or joins(spawn, .user) or
        spawn.uid != null or spawn.gid != null or spawn.groups != null;
}

fn areDescriptors(descriptors: []const messages.Descriptor) bool {
    for (descriptors, 0..) |descriptor, index| {
        if (descriptor.source == .unspecified) return false;
        if (descriptor.source == .inherit and descriptor.number > 2) return false;
        if (descriptor.number >= 0x7fffffff) return false;
        if (descriptor.input.len > limits.stream_window) return false;
        if (once.active and (descriptor.source == .stream_read or descriptor.source == .stream_write)) return false;
        for (descriptors[0..index]) |earlier| if (earlier.number == descriptor.number) return false;
        if (descriptor.source == .file and !isFile(descriptor.file)) return false;
        if (descriptor.source == .same and !isThere(descriptors, descriptor.same_as)) return false;
    }
    return true;
}

fn isFile(asked: ?messages.FileToOpen) bool {
    const file = asked orelse return false;
    return file.path.len > 0 and (file.read or file.write) and file.mode < 0o10000;
}

/// Whether a descriptor has this number that is none of those that are the same as others.
fn isThere(descriptors: []const messages.Descriptor, number: u32) bool {
    for (descriptors) |descriptor| if (descriptor.number == number) return descriptor.source != .same;
    return number < 3;
}

fn areRanges(ranges: []const messages.DescriptorRange) bool {
    for (ranges) |range| if (range.first < 3 or range.first > range.last) return false;
    return true;
}

fn isAbsolute(path: []const u8) bool {
    return std.mem.startsWith(u8, path, "/");
}

fn areRoots(spawn: *const messages.Spawn) bool {
    if (spawn.chroot_dir) |path| if (!isAbsolute(path)) return false;
    const pivot = spawn.pivot_root orelse return true;
    return isAbsolute(pivot.new_root) and isAbsolute(pivot.put_old) and (has(spawn, .mount) or joins(spawn, .mount));
}

fn areIds(spawn: *const messages.Spawn) bool {
    if (spawn.groups) |groups| if (std.mem.indexOfScalar(u32, groups.gids, no_id) != null) return false;
    return spawn.uid != no_id and spawn.gid != no_id;
}

fn areMaps(spawn: *const messages.Spawn, host: *const Host) bool {
    if (spawn.uid_maps.len == 0 and spawn.gid_maps.len == 0) return true;
    if (!has(spawn, .user)) return false;
    if (spawn.id_map_commands) |programs| {
        if (programs.newuidmap.len == 0 or programs.newgidmap.len == 0 or joins(spawn, .user)) return false;
    } else if (textSize(spawn.uid_maps) >= 4096 or textSize(spawn.gid_maps) >= 4096) return false;
    if (joins(spawn, .user)) return true;
    return findsId(spawn.uid_maps, host.uid, spawn.uid) and findsId(spawn.gid_maps, host.gid, spawn.gid);
}

fn textSize(rows: []const messages.IdMap) usize {
    var size: usize = 0;
    for (rows) |row| size += std.fmt.count("{d} {d} {d}\n", .{ row.inside, row.outside, row.count });
    return size;
}

/// Whether there is an id for the command to have.
fn findsId(rows: []const messages.IdMap, own: u32, asked: ?u32) bool {
    if (rows.len == 0 or asked != null) return true;
    for (rows) |row| {
        const end = @as(u64, row.outside) + row.count;
        if (own >= row.outside and own < end) return true;
        if (row.inside == 0 and row.count > 0) return true;
    }
    return false;
}

fn areCapabilities(spawn: *const messages.Spawn, host: *const Host) bool {
    const bits = spawn.keep_capabilities orelse return true;
    for (0..64) |bit| if (bits >> @intCast(bit) & 1 != 0 and bit > host.last_capability) return false;
    return true;
}

fn arePidVariables(spawn: *const messages.Spawn) bool {
    for (spawn.pid_variables) |index| {
        if (index >= spawn.environment.len) return false;
        const entry = std.mem.span(spawn.environment[index].?);
        const equals = std.mem.indexOfScalar(u8, entry, '=') orelse return false;
        if (entry.len - equals - 1 != 10) return false;
    }
    return true;
}

fn areSteps(steps: []const messages.Step) bool {
    for (steps, 0..) |step, index| {
        _ = std.enums.fromInt(linux.SYS, step.number) orelse return false;
        for (step.arguments, 0..) |argument, position| {
            var values: usize = 0;
            if (argument.number != null) values += 1;
            if (argument.buffer != null) values += 1;
            if (argument.result) |earlier| {
                values += 1;
                if (earlier >= index) return false;
            }
            if (argument.reference) |reference| {
                values += 1;
                if (reference.step > index) return false;
                if (reference.step == index and reference.argument >= position) return false;
                const referred = steps[reference.step].arguments;
                if (reference.argument >= referred.len or referred[reference.argument].buffer == null) return false;
            }
            if (values != 1) return false;
        }
    }
    return true;
}
