//! The helper's own descriptors 0, 1 and 2, which are there for children to inherit.
const sys = @import("sys.zig");
const linux = sys.linux;

/// They are the only ones for a command that there will be just one of.
pub var is_for_one = false;

/// One that is closed becomes /dev/null: what is opened later would have its number, and children would inherit that.
pub fn ensure() void {
    for (0..3) |fd| {
        if (sys.errnoOf(sys.fcntl(@intCast(fd), sys.F_GETFD, 0)) == 0) continue;
        // The lowest free number is this one.
        _ = linux.openat(linux.AT.FDCWD, "/dev/null", .{ .ACCMODE = .RDWR }, 0);
    }
}

/// The command has its copies. Some may be pipes to the client, which would not end as long as they are open here too.
pub fn release() void {
    for (0..3) |fd| _ = linux.close(@intCast(fd));
    ensure();
}
