//! The id maps of a new user namespace (man 7 user_namespaces): what they map, and how the helper writes them.
const std = @import("std");
const limits = @import("limits.zig");
const Text = @import("text.zig").Text;
const messages = @import("messages.zig");
const Plan = @import("plan.zig").Plan;
const report = @import("report.zig");
const sys = @import("sys.zig");
const linux = sys.linux;

/// (uid_t) -1, which the kernel takes for "no change".
pub const invalid_id = std.math.maxInt(u32);

pub fn mapsOutside(maps: []const messages.IdMap, id: u32) bool {
    for (maps) |row| {
        if (id >= row.outside and id - row.outside < row.count) return true;
    }
    return false;
}

pub fn mapsInside(maps: []const messages.IdMap, id: u32) bool {
    for (maps) |row| {
        if (id >= row.inside and id - row.inside < row.count) return true;
    }
    return false;
}

const row_size_max = "4294967295 4294967295 4294967295\n".len;

/// Bytes of the map as the kernel reads it. More rows than fit count as too long without being formatted.
pub fn textSize(maps: []const messages.IdMap) usize {
    var buffer: [row_size_max]u8 = undefined;
    var size: usize = 0;
    for (maps) |row| size += formatRow(row, &buffer).len;
    return size;
}

fn formatRow(row: messages.IdMap, buffer: *[row_size_max]u8) []u8 {
    var text: Text = .{ .buffer = buffer };
    text.addNumber(row.inside);
    text.add(" ");
    text.addNumber(row.outside);
    text.add(" ");
    text.addNumber(row.count);
    text.add("\n");
    return buffer[0..text.size];
}

/// Writes both maps of a process that waits, setgroups denied before gid_map where the caller lacks CAP_SETGID in its own
/// user namespace, the parent of the new one. `proc` is /proc, or -1 for the path. Null: done.
pub fn write(plan: *const Plan, proc: sys.fd_t, pid: sys.pid_t) ?report.Failure {
    std.debug.assert(plan.hasMaps());
    std.debug.assert(pid > 0);
    var path_buffer: [32]u8 = undefined;
    var path: Text = .{ .buffer = &path_buffer };
    if (proc < 0) path.add("/proc/");
    path.addNumber(@intCast(pid));
    const start = if (proc >= 0) proc else linux.AT.FDCWD;
    // The process is not reaped yet, so its pid is its own, and so is everything below this handle.
    const opened = linux.openat(start, path.end(), .{ .PATH = true, .DIRECTORY = true, .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) != 0) return failed(.uid_map, .open, opened);
    const directory = sys.asFd(opened);
    defer sys.close(directory);
    const request = &plan.request;
    if (request.uid_maps.len > 0) {
        if (writeMap(directory, "uid_map", .uid_map, request.uid_maps)) |failure| return failure;
    }
    if (request.gid_maps.len > 0) {
        if (sys.getCapabilities().effective >> sys.CAP_SETGID & 1 == 0) {
            if (writeFile(directory, "setgroups", .setgroups, "deny")) |failure| return failure;
        }
        if (writeMap(directory, "gid_map", .gid_map, request.gid_maps)) |failure| return failure;
    }
    return null;
}

fn writeMap(directory: sys.fd_t, name: [*:0]const u8, item: messages.Item, maps: []const messages.IdMap) ?report.Failure {
    var text: [limits.id_map_text_size_max]u8 = undefined;
    var size: usize = 0;
    for (maps) |row| {
        var buffer: [row_size_max]u8 = undefined;
        const line = formatRow(row, &buffer);
        // The plan was refused if its maps are longer.
        @memcpy(text[size..][0..line.len], line);
        size += line.len;
    }
    return writeFile(directory, name, item, text[0..size]);
}

fn writeFile(directory: sys.fd_t, name: [*:0]const u8, item: messages.Item, text: []const u8) ?report.Failure {
    const opened = linux.openat(directory, name, .{ .ACCMODE = .WRONLY, .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) != 0) return failed(item, .open, opened);
    const fd = sys.asFd(opened);
    defer sys.close(fd);
    // The kernel takes these files in one write or not at all.
    const written = linux.write(fd, text.ptr, text.len);
    if (sys.errnoOf(written) != 0) return failed(item, .write, written);
    // Not on proc, but another file system may be mounted at /proc.
    if (written != text.len) return .{ .stage = .set_id_map, .call = .write, .item = item, .errno = @intFromEnum(sys.E.IO) };
    return null;
}

fn failed(item: messages.Item, call: report.Call, result: usize) report.Failure {
    return .{ .stage = .set_id_map, .call = call, .item = item, .errno = sys.errnoOf(result) };
}

test "what a map maps, at its edges and where a range wraps" {
    const rows = [_]messages.IdMap{
        .{ .inside = 0, .outside = 1000, .count = 1 },
        .{ .inside = 1, .outside = 100_000, .count = 65_536 },
        .{ .inside = 4_000_000_000, .outside = 4_000_000_000, .count = 4_294_967_295 },
    };
    try std.testing.expect(mapsOutside(&rows, 1000));
    try std.testing.expect(!mapsOutside(&rows, 1001));
    try std.testing.expect(mapsOutside(&rows, 165_535));
    try std.testing.expect(!mapsOutside(&rows, 165_536));
    try std.testing.expect(!mapsOutside(&rows, 0));
    try std.testing.expect(mapsInside(&rows, 65_536));
    try std.testing.expect(!mapsInside(&rows, 65_537));
}

test "the size of a map's text" {
    const rows = [_]messages.IdMap{.{ .inside = 0, .outside = 1000, .count = 1 }} ** 2;
    try std.testing.expectEqual(2 * "0 1000 1\n".len, textSize(&rows));
    const longest = [_]messages.IdMap{.{ .inside = invalid_id, .outside = invalid_id, .count = invalid_id }};
    try std.testing.expectEqual(row_size_max, textSize(&longest));
}
