//! The client's working directory, as it is when a command is asked for: the process that makes the command starts there. The
//! directory counts, not its name. It may have none that leads to it, after it was renamed or removed, for instance, or
//! where a directory above it cannot be searched.
const std = @import("std");
const linux = std.os.linux;
const child = @import("child.zig");
const messages = @import("messages.zig");
const Plan = @import("plan.zig").Plan;
const sys = @import("sys.zig");
const Text = @import("text.zig").Text;

/// The helper's own working directory, the one that it was started in, while it is in the client's; null otherwise.
var own: ?sys.fd_t = null;

/// Before the helper makes the command's first process. A copy of the helper is in the helper's directory, and a new mount
/// namespace takes over the directories that its maker is in: a process that is already inside has none but the path. Nor may
/// one in another user namespace follow the link of a process outside (`man 2 ptrace`, PTRACE_MODE_READ).
pub noinline fn enter(plan: *Plan) void {
    const wanted = plan.request.client_dir orelse return;
    // In another pid namespace it cannot be named.
    if (wanted.inode == 0 or plan.host.client == 0) return;
    const here = openOwn() orelse return;
    own = here;
    var buffer: [64]u8 = undefined;
    var path: Text = .{ .buffer = &buffer };
    path.add("/proc/");
    path.addNumber(plan.host.client);
    path.add("/cwd");
    // The link leads to the directory itself, whatever its path.
    const is_entered = sys.errnoOf(linux.chdir(path.end())) == 0 and isHere(wanted);
    if (is_entered) plan.is_in_client_dir = true else leave();
}

/// Back to the helper's own directory, so that it keeps no other file system busy.
pub noinline fn leave() void {
    const back = own orelse return;
    own = null;
    // openOwn has just done the same. In another directory, later commands would start in the wrong one.
    if (sys.errnoOf(linux.fchdir(back)) != 0) @panic("cannot return to its working directory");
    sys.close(back);
}

/// Null where the helper could not come back.
fn openOwn() ?sys.fd_t {
    const opened = linux.openat(linux.AT.FDCWD, ".", .{ .PATH = true, .DIRECTORY = true, .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) != 0) return null;
    const fd = sys.asFd(opened);
    if (sys.errnoOf(linux.fchdir(fd)) == 0) return fd;
    sys.close(fd);
    return null;
}

/// By the first process, where the helper could not enter the directory: by its path, if that still leads there.
pub fn enterByPath(plan: *const Plan) void {
    const wanted = plan.request.client_dir orelse return;
    if (plan.is_in_client_dir) return;
    var errno: u16 = @intFromEnum(sys.E.NOENT);
    if (wanted.path.len > 0) {
        errno = sys.errnoOf(linux.chdir(wanted.path));
        // A client that cannot look at its directory knows no more than the path.
        if (errno == 0 and (wanted.inode == 0 or isHere(wanted))) return;
        if (errno == 0) errno = @intFromEnum(sys.E.NOENT);
    }
    child.fail(plan.report, .{
        .stage = .chdir,
        .call = .chdir,
        .errno = errno,
        .item = .start_dir,
        .detail = if (wanted.inode == 0) .none else .client_dir,
    });
}

fn isHere(wanted: messages.ClientDir) bool {
    var found: linux.Statx = undefined;
    if (sys.errnoOf(linux.statx(linux.AT.FDCWD, ".", 0, .{ .INO = true }, &found)) != 0) return false;
    return found.ino == wanted.inode and sys.makeDevice(found.dev_major, found.dev_minor) == wanted.device;
}
