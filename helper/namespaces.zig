//! The kernel's flags and names for namespaces.
const std = @import("std");
const linux = std.os.linux;
const messages = @import("messages.zig");

/// In the order in which the kernel makes them: the user namespace owns the others.
pub const in_order = [_]messages.Namespace{ .user, .mount, .uts, .ipc, .pid, .cgroup, .net, .time };

pub fn flagOf(namespace: messages.Namespace) u32 {
    return switch (namespace) {
        .unspecified => unreachable,
        .mount => linux.CLONE.NEWNS,
        .uts => linux.CLONE.NEWUTS,
        .ipc => linux.CLONE.NEWIPC,
        .user => linux.CLONE.NEWUSER,
        .pid => linux.CLONE.NEWPID,
        .net => linux.CLONE.NEWNET,
        .cgroup => linux.CLONE.NEWCGROUP,
        .time => linux.CLONE.NEWTIME,
    };
}

/// What its file in /proc/<pid>/ns is called.
pub fn fileOf(namespace: messages.Namespace) []const u8 {
    return switch (namespace) {
        .unspecified => unreachable,
        .mount => "mnt",
        .uts, .ipc, .user, .pid, .net, .cgroup, .time => @tagName(namespace),
    };
}

comptime {
    // All of them but `unspecified`.
    std.debug.assert(in_order.len == @typeInfo(messages.Namespace).@"enum".fields.len - 1);
}
