//! What the helper is told on its command line, by the client that starts it.
const std = @import("std");
const limits = @import("limits.zig");
const sys = @import("sys.zig");
const parseNumber = @import("text.zig").parseNumber;

pub const Options = struct {
    /// `--keep=N`: there will be one command, and this many descriptors from `first_kept` on are the client's, for it to have.
    kept: ?u6 = null,
    /// `--moved=MASK`: of 0, 1 and 2, those of the bits that are set are behind the kept descriptors, in order.
    moved: u3 = 0,
    /// `--nonblocking=MASK`: of 0, 1 and 2, those that had O_NONBLOCK before the runtime has cleared it.
    nonblocking: u3 = 0,
    /// `--once=PID`: a run for one command, whose messages are in the file at descriptor 3. The client, which is this process,
    /// waits for its end.
    once: ?u32 = null,

    /// Null where it is told what it does not know.
    pub fn parse(arguments: [*:null]const ?[*:0]const u8) ?Options {
        var options: Options = .{};
        var at: usize = 1;
        while (arguments[at]) |argument| : (at += 1) {
            const text = std.mem.span(argument);
            if (valueOf(text, "--keep=")) |count| {
                if (count > limits.kept_descriptors_max) return null;
                options.kept = @intCast(count);
            } else if (valueOf(text, "--moved=")) |mask| {
                options.moved = std.math.cast(u3, mask) orelse return null;
            } else if (valueOf(text, "--nonblocking=")) |mask| {
                options.nonblocking = std.math.cast(u3, mask) orelse return null;
            } else if (valueOf(text, "--once=")) |pid| {
                options.once = pid;
            } else return null;
        }
        return options;
    }
};

fn valueOf(argument: []const u8, name: []const u8) ?u32 {
    if (!std.mem.startsWith(u8, argument, name)) return null;
    return parseNumber(argument[name.len..]);
}

/// Where the client puts its descriptors.
pub const first_kept: sys.fd_t = 4;

test "options" {
    const none = [_:null]?[*:0]const u8{"unshare-helper"};
    try std.testing.expectEqual(Options{}, Options.parse(&none).?);
    const both = [_:null]?[*:0]const u8{ "unshare-helper", "--keep=3", "--once=17", "--moved=5", "--nonblocking=2" };
    try std.testing.expectEqual(Options{ .kept = 3, .once = 17, .moved = 5, .nonblocking = 2 }, Options.parse(&both).?);
    inline for (.{ "--keep=", "--keep=64", "--moved=8", "--nonblocking=8", "--keep=4294967296", "--once=x", "--help", "" }) |wrong| {
        const arguments = [_:null]?[*:0]const u8{ "unshare-helper", wrong };
        try std.testing.expectEqual(null, Options.parse(&arguments));
    }
}
