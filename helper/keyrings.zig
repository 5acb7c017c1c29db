//! The session keyring, where credentials of Kerberos, cifs and fscrypt are (man 7 session-keyring). No namespace separates
//! it: a program that is to be separate joins an empty one.
const std = @import("std");
const linux = std.os.linux;
const Plan = @import("plan.zig").Plan;
const sys = @import("sys.zig");

const KEYCTL_GET_KEYRING_ID = 0;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const KEYCTL_READ = 11;
const session_keyring: isize = -3;
const user_keyring: isize = -4;
const user_session_keyring: isize = -5;

const State = enum { unknown, present, absent };
var state: State = .unknown;

/// Finds out once whether the helper has a session keyring at all: an ordinary user may have 200 keys, and those of ended
/// programs count for a while.
pub fn look(plan: *const Plan) void {
    if (state != .unknown or !plan.isSeparate() or @import("options").fuzz) return;
    state = .present;
    var stack: [1024]u8 align(16) = undefined;
    // By a process that is thrown away, as asking makes the kernel set a session keyring for who asks. It shares this
    // process's memory, which waits for its end.
    const flags = linux.CLONE.VM | linux.CLONE.VFORK;
    const result = linux.clone(lookHere, @intFromPtr(&stack) + stack.len, flags, 0, null, 0, null);
    if (sys.errnoOf(result) != 0) return;
    const wall = 0x40000000; // __WALL: its end sends no signal (man 2 wait)
    var status: u32 = 0;
    while (sys.isError(linux.wait4(@intCast(result), &status, wall, null), .INTR)) {}
    if (status == 0) state = .absent;
}

fn lookHere(_: usize) callconv(.c) u8 {
    const found = keyctl(KEYCTL_GET_KEYRING_ID, session_keyring, 0, 0);
    // Where keyctl is refused, it is to programs too.
    if (sys.isError(found, .NOSYS) or sys.isError(found, .PERM)) linux.exit_group(0);
    // A process that has none is given its user's, which the next one that has none finds by itself. It has a link to the
    // user keyring.
    if (found != keyctl(KEYCTL_GET_KEYRING_ID, user_session_keyring, 0, 0)) linux.exit_group(1);
    const is_empty = sizeOf(user_session_keyring) <= @sizeOf(u32) and sizeOf(user_keyring) == 0;
    linux.exit_group(@intFromBool(!is_empty));
}

/// How many bytes the numbers of its keys take.
fn sizeOf(keyring: isize) usize {
    return keyctl(KEYCTL_READ, keyring, 0, 0);
}

/// Gives the program a new one, as its own user. As far as that is possible: EDQUOT, ENOSYS and EPERM are passed over.
pub fn hide(plan: *const Plan) void {
    if (plan.isSeparate() and state != .absent) _ = keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0);
}

fn keyctl(operation: usize, first: isize, second: usize, third: usize) usize {
    return linux.syscall4(.keyctl, operation, @bitCast(first), second, third);
}
