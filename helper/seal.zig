//! The helper runs from a sealed copy of its binary: a program that is root in its sandbox could otherwise write to the file
//! through /proc/<pid>/exe (CVE-2019-5736).
const std = @import("std");
const linux = std.os.linux;
const sys = @import("sys.zig");
const Text = @import("text.zig").Text;
const upTo = @import("text.zig").upTo;

const seals = linux.F.SEAL_SEAL | linux.F.SEAL_SHRINK | linux.F.SEAL_GROW | linux.F.SEAL_WRITE;

/// Why there is no sealed copy, for Hello; empty where this process runs from one.
pub const Reason = [:0]const u8;

var reason_buffer: [64]u8 = undefined;

noinline fn failed(call: []const u8, result: usize) Reason {
    var text: Text = .{ .buffer = &reason_buffer };
    text.add(call);
    text.add(": errno ");
    text.addNumber(sys.errnoOf(result));
    return text.end();
}

/// Runs this program again from a sealed copy, unless it does already. Returns where that is not possible, or would lose
/// the AppArmor profile that is attached to the program's path.
pub fn ensure(arguments: [*:null]const ?[*:0]const u8, environment: [*:null]const ?[*:0]const u8) Reason {
    const opened = linux.openat(linux.AT.FDCWD, "/proc/self/exe", .{ .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) != 0) return failed("open /proc/self/exe", opened);
    const program = sys.asFd(opened);
    defer _ = linux.close(program);
    const present = sys.fcntl(program, sys.F_GET_SEALS, 0);
    if (sys.errnoOf(present) == 0 and present & seals == seals) return "";
    if (hasOwnProfile()) return "apparmor";

    const created = createMemory();
    if (sys.errnoOf(created) != 0) return failed("memfd_create", created);
    const copy = sys.asFd(created);
    defer _ = linux.close(copy);
    const limit = raiseSizeLimit(program) orelse return "RLIMIT_FSIZE";
    defer setSizeLimit(&limit);
    while (true) {
        const count = linux.sendfile(copy, program, null, 1 << 20);
        if (sys.errnoOf(count) != 0) return failed("sendfile", count);
        if (count == 0) break;
    }
    const sealed = sys.fcntl(copy, sys.F_ADD_SEALS, seals);
    if (sys.errnoOf(sealed) != 0) return failed("fcntl F_ADD_SEALS", sealed);
    const by_descriptor: linux.EXECVEAT = .{ .EMPTY_PATH = true, .SYMLINK_NOFOLLOW = false };
    setSizeLimit(&limit);
    const result = linux.execveat(copy, "", arguments, environment, by_descriptor);
    return failed("execveat", result);
}

/// Lets this process write a file of the program's size. Returns the limit before, which children are to have; null where the
/// hard limit is too low: a write past it would end this process by SIGXFSZ (man 2 setrlimit).
fn raiseSizeLimit(program: sys.fd_t) ?linux.rlimit {
    var limit: linux.rlimit = undefined;
    var found: linux.Statx = undefined;
    if (sys.errnoOf(linux.prlimit(0, .FSIZE, null, &limit)) != 0) return null;
    if (sys.errnoOf(linux.statx(program, "", linux.AT.EMPTY_PATH, .{ .SIZE = true }, &found)) != 0) return null;
    if (found.size > limit.max) return null;
    setSizeLimit(&.{ .cur = limit.max, .max = limit.max });
    return limit;
}

noinline fn setSizeLimit(limit: *const linux.rlimit) void {
    _ = linux.prlimit(0, .FSIZE, limit, null);
}

fn createMemory() usize {
    const flags: u32 = linux.MFD.CLOEXEC | linux.MFD.ALLOW_SEALING;
    // Without MFD_EXEC, a kernel that knows it complains or refuses; an older one does not know it.
    const mfd_exec = 0x10;
    const result = linux.memfd_create("unshare-helper", flags | mfd_exec);
    return if (sys.isError(result, .INVAL)) linux.memfd_create("unshare-helper", flags) else result;
}

/// Whether an AppArmor profile is attached to the path of this program. The copy has no path, so it would lose that one.
fn hasOwnProfile() bool {
    var own: [label_size_max]u8 = undefined;
    var parents: [label_size_max]u8 = undefined;
    const directories = [_][]const u8{ "/attr/apparmor/current", "/attr/current" };
    for (directories) |file| {
        const label = readLabel(null, file, &own) orelse continue;
        const parent: u32 = @intCast(linux.getppid());
        return isAttached(label, readLabel(parent, file, &parents));
    }
    return false;
}

const label_size_max = 512;

/// Of this process, or of the one with that number.
fn readLabel(pid: ?u32, file: []const u8, buffer: *[label_size_max]u8) ?[]const u8 {
    var path_buffer: [48]u8 = undefined;
    var path: Text = .{ .buffer = &path_buffer };
    path.add("/proc/");
    if (pid) |number| path.addNumber(number) else path.add("self");
    path.add(file);
    const size = sys.readSmallFile(path.end(), buffer);
    return if (sys.errnoOf(size) == 0) buffer[0..size] else null;
}

/// A label that the parent has too is inherited from there: every process of a container is confined by docker-default, say,
/// and a copy stays confined by it. If nobody knows the parent's label, the copy is made: without a profile that it would
/// need, commands fail with a clear error; without the copy, a program could overwrite the file.
fn isAttached(own: []const u8, parents: ?[]const u8) bool {
    return isProfile(own) and !std.mem.eql(u8, lineOf(own), lineOf(parents orelse return false));
}

/// AppArmor writes `name (mode)`, or `unconfined`; other security modules write no mode.
fn isProfile(label: []const u8) bool {
    const line = lineOf(label);
    return line.len > 0 and line[line.len - 1] == ')';
}

fn lineOf(label: []const u8) []const u8 {
    return upTo(upTo(label, '\n'), 0);
}

test "labels with an AppArmor profile" {
    try std.testing.expect(isProfile("/usr/lib/unshare-helper (enforce)\n"));
    try std.testing.expect(isProfile("unshare (unconfined)\n"));
    try std.testing.expect(!isProfile("unconfined\n"));
    try std.testing.expect(!isProfile("unconfined_u:unconfined_r:unconfined_t:s0\x00"));
    try std.testing.expect(!isProfile(""));
}

test "a profile is attached if the parent is not confined by the same one" {
    const profiles = [_][]const u8{
        "unshare-helper (unconfined)\n",
        "docker-default (enforce)\n",
        "node//helper (complain)\n",
        "docker-default//&:lxd:unconfined (mixed)\n",
    };
    for (profiles) |profile| {
        try std.testing.expect(!isAttached(profile, profile));
        try std.testing.expect(isAttached(profile, "unconfined\n"));
        try std.testing.expect(isAttached(profile, "node (enforce)\n"));
        try std.testing.expect(!isAttached(profile, null));
    }
    try std.testing.expect(!isAttached("unconfined\n", "node (enforce)\n"));
    try std.testing.expect(!isAttached("a:b:c:s0\x00", "a:b:d:s0\x00"));
}
