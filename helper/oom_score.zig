//! Whom the kernel ends first where memory is short: programs have the client's oom_score_adj by way of the helper, which
//! takes it on where it has changed. A child cannot do so by itself: it shares the helper's memory, and with that the score
//! (`__set_oom_adj` in the kernel's fs/proc/base.c).
const std = @import("std");
const sys = @import("sys.zig");
const Text = @import("text.zig").Text;
const linux = std.os.linux;

const own_path = "/proc/self/oom_score_adj";
const text_size_max = 16;

const Score = struct {
    text: [text_size_max]u8 = @splat(0),
    size: usize = 0,

    fn bytes(score: *const Score) []const u8 {
        return score.text[0..score.size];
    }
};

/// The client's, open, or -1: opening it takes five times as long as reading it.
var client: sys.fd_t = -1;
var followed: Score = .{};

pub fn prepare(pid: u32) void {
    const size = sys.readSmallFile(own_path, &followed.text);
    if (pid == 0 or sys.errnoOf(size) != 0) return;
    followed.size = size;
    var buffer: [64]u8 = undefined;
    var path: Text = .{ .buffer = &buffer };
    path.add("/proc/");
    path.addNumber(pid);
    path.add("/oom_score_adj");
    const opened = linux.openat(linux.AT.FDCWD, path.end(), .{ .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) == 0) client = sys.asFd(opened);
}

/// Before the helper makes a process.
pub noinline fn follow() void {
    if (client < 0) return;
    var now: Score = .{};
    const size = linux.pread(client, &now.text, text_size_max, 0);
    if (sys.errnoOf(size) != 0 or size == 0) return;
    now.size = size;
    if (std.mem.eql(u8, now.bytes(), followed.bytes())) return;
    // Also if it is refused, as a lower one is without privilege: once is enough.
    followed = now;
    const opened = linux.openat(linux.AT.FDCWD, own_path, .{ .ACCMODE = .WRONLY, .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) != 0) return;
    _ = linux.write(sys.asFd(opened), now.bytes().ptr, now.size);
    sys.close(sys.asFd(opened));
}
